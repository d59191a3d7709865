"""Calibrate a pipeline, and tell the user what has changed."""

from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Dict, List, Optional

from spacy.language import Language
from spacy.training import Corpus, Example
from tqdm import tqdm
from wasabi import msg

from ..evaluation.calibration import (
    HIGHEST,
    LOWEST,
    annotate,
    find_component,
    fit_temperature,
)
from ..evaluation.plots import check_plot, plot_reliability
from ..evaluation.reliability import Bin, Reliability, entity_reliability
from ..pipeline.base import CRFPipe
from .loading import check_output, load_pipeline, save_pipeline

_NO_VALUE = "–"


def calibrate(
    model: str, dev: Path, output: Path, component: str, plot: Optional[Path]
) -> None:
    """Do what `spacy crf calibrate` does.

    model (str): Name of an installed pipeline package, or a path.
    dev (Path): The annotated documents.
    output (Path): Where to write the pipeline.
    component (str): The name of the component.
    plot (Optional[Path]): Where to draw a reliability diagram.
    """
    check_output(output, dev)
    if plot is not None:
        _check_plot(plot, [dev])
    nlp = load_pipeline(model)
    examples = _read(dev, nlp)
    msg.info(f"Calibrating {component} of {model} on {len(examples)} documents")
    try:
        pipe = find_component(nlp, component)
        before = pipe.settings.temperature
        measured_before = _measure(nlp, examples, pipe, "Measuring before")
        msg.info("Fitting the temperature")
        after = fit_temperature(nlp, examples, component)
    except ValueError as error:
        msg.fail(f"Can't calibrate {model}", error, exits=1)
    pipe.cfg["temperature"] = after
    measured_after = _measure(nlp, examples, pipe, "Measuring after")
    _report(measured_before, measured_after)
    _summarise([before, after], [measured_before, measured_after])
    if not 1.001 * LOWEST < after < HIGHEST / 1.001:
        msg.warn(
            f"The temperature is at the bound of {LOWEST:g} to {HIGHEST:g}",
            "Documents that the pipeline has learned, or that are of another kind than "
            "it knows, say little about its probabilities.",
        )
    if pipe.settings.spans_key is None:
        msg.warn(
            f"{component} writes no probabilities that could be measured",
            "Its spans_key is null.",
        )
    save_pipeline(nlp, output)
    if plot is not None and measured_after.size:
        _plot({"before": measured_before, "after": measured_after}, plot)


def _measure(
    nlp: Language, examples: List[Example], pipe: CRFPipe, doing: str
) -> Reliability:
    msg.info(f"{doing}: analysing {len(examples)} documents")
    # On a terminal only.
    bar = partial(tqdm, total=len(examples), unit="doc", disable=None, leave=False)
    annotated = annotate(nlp, examples, progress=bar)
    return entity_reliability(annotated, pipe.settings.spans_key)


def _report(before: Reliability, after: Reliability) -> None:
    rows = [
        (str(number), *_format_bin(first), *_format_bin(second))
        for number, (first, second) in enumerate(
            zip_longest(before.bins, after.bins), start=1
        )
    ]
    if not rows:
        return
    msg.table(
        rows,
        header=(
            "Bin",
            *("Before: n", "Score", "Correct"),
            "After: n",
            "Score",
            "Correct",
        ),
        aligns=("r",) * 7,
        divider=True,
    )


def _summarise(temperatures: List[float], measured: List[Reliability]) -> None:
    rows = [
        ("Temperature", *map(_format, temperatures)),
        ("Entities", *(str(m.size) for m in measured)),
        ("ECE", *(_format(m.ece) for m in measured)),
        ("Brier score", *(_format(m.brier) for m in measured)),
    ]
    msg.table(
        rows, header=("", "Before", "After"), aligns=("l", "r", "r"), divider=True
    )


def _format_bin(part: Optional[Bin]) -> List[str]:
    if part is None:
        return [_NO_VALUE] * 3
    return [str(part.size), _format(part.score), _format(part.correct)]


def _format(value: Optional[float]) -> str:
    return _NO_VALUE if value is None else f"{value:.3f}"


def _read(path: Path, nlp: Language) -> List[Example]:
    if not path.exists():
        msg.fail("Annotated documents not found", path, exits=1)
    # Other files than DocBins fail in whatever way they are decoded.
    try:
        return list(Corpus(path)(nlp))
    except Exception as error:
        msg.fail(f"Can't read documents from {path}", error, exits=1)


def _check_plot(path: Path, inputs: List[Path]) -> None:
    try:
        check_plot(path, inputs)
    except (ImportError, ValueError, OSError) as error:
        msg.fail("Can't draw the plot", error, exits=1)


def _plot(measured: Dict[str, Reliability], path: Path) -> None:
    try:
        plot_reliability(measured, path)
    except OSError as error:
        msg.fail("Can't write the plot", error, exits=1)
    msg.good(f"Saved plot to {path}")
