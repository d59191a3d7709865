"""`spacy crf calibrate`: fit the temperature of probabilities on annotated text."""

from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Iterator, List, Optional, Tuple

import typer
from spacy.language import Language
from spacy.training import Corpus, Example
from wasabi import msg

from .errors import explained
from .figures import analyse_with_progress, format_figure, print_figures
from .loading import (
    ComponentOption,
    ModelArgument,
    check_output,
    load_pipeline,
    reading_docs,
    save_pipeline,
)

# Every `python -m spacy` process imports this file: what needs more than spaCy is
# imported where it is used.
if TYPE_CHECKING:
    from ..evaluation.reliability import Bin, Reliability
    from ..pipeline.base import CRFPipe

_NO_VALUE = "–"


def calibrate_cli(
    model: ModelArgument,
    dev: Annotated[
        Path,
        typer.Argument(
            metavar="DEV",
            help="Annotated .spacy file that the pipeline has not learned",
        ),
    ],
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="Directory to write the pipeline to; may be MODEL"
        ),
    ],
    component: ComponentOption = None,
    plot: Annotated[
        Optional[Path],
        typer.Option("--plot", "-p", help="Reliability diagram to write: .png or .svg"),
    ] = None,
) -> None:
    """Fit the temperature of the probabilities of a pipeline's entities or tags on
    annotated documents, and save it with the pipeline.

    Prints how far the probabilities could be relied on before and after, over ten
    groups of as many entities or tags each: mean score, and the share that is correct.
    The figures in meta.json are measured anew on these documents.
    What the best analysis is does not depend on the temperature.
    """
    calibrate(model, dev, output, component, plot)


def calibrate(
    model: str,
    dev: Path,
    output: Path,
    component: Optional[str] = None,
    plot: Optional[Path] = None,
) -> None:
    """Fit the temperature of a pipeline's probabilities, save it with the pipeline, and
    print what it has changed.

    model (str): Name of an installed pipeline package, or a path.
    dev (Path): The annotated documents.
    output (Path): Where to write the pipeline.
    component (Optional[str]): The name of the component; None for `crf_ner`, or else
        the only one that there is.
    plot (Optional[Path]): Where to draw a reliability diagram.
    """
    from ..evaluation.calibration import (
        HIGHEST,
        LOWEST,
        find_component,
        fit_temperature,
    )
    from ..evaluation.figures import store_figures
    from ..evaluation.plots import check_plot, plot_reliability

    check_output(output, dev)
    if plot is not None:
        with explained("Can't draw the plot", ImportError, ValueError, OSError):
            check_plot(plot, [dev])
    nlp = load_pipeline(model)
    with reading_docs(dev):
        examples = list(Corpus(dev)(nlp))
    with explained(f"Can't calibrate {model}", ValueError):
        name, pipe = find_component(nlp, component)
        msg.info(f"Calibrating {name} of {model} on {len(examples)} documents")
        before = pipe.settings.temperature
        measured_before, _ = _measure(nlp, examples, pipe, "Measuring before")
        msg.info("Fitting the temperature")
        after = fit_temperature(nlp, examples, name)
    pipe.temperature = after
    measured_after, analysed = _measure(nlp, examples, pipe, "Measuring after")
    _report(measured_before, measured_after)
    _summarise([before, after], [measured_before, measured_after])
    figures = dict(nlp.meta.get("performance", {}))
    print_figures(figures, store_figures(nlp, name, analysed))
    if _is_worse(measured_before, measured_after):
        msg.warn(
            "The scores are less reliable than before",
            "The temperature fits the probabilities of all annotated tokens, those of "
            "missed entities included. Keep the pipeline as it was, or calibrate it on "
            "more documents.",
        )
    if not 1.001 * LOWEST < after < HIGHEST / 1.001:
        msg.warn(
            f"The temperature is at the bound of {LOWEST:g} to {HIGHEST:g}",
            "Documents that the pipeline has learned, or that are of another kind than "
            "it knows, say little about its probabilities.",
        )
    if pipe.cfg.get("candidates_key") is not None and after != before:
        msg.warn(
            "The floors of candidates were found at the temperature before",
            "Run `spacy crf guarantee` again: what it promised does not hold any more.",
        )
        nlp.meta.get("guarantees", {}).pop(name, None)
    save_pipeline(nlp, output)
    if plot is not None and measured_after.size:
        with explained("Can't write the plot", OSError):
            measured = {"before": measured_before, "after": measured_after}
            plot_reliability(measured, plot)
        msg.good(f"Saved plot to {plot}")


def _measure(
    nlp: Language, examples: List[Example], pipe: "CRFPipe", doing: str
) -> Tuple["Reliability", List[Example]]:
    from ..evaluation.reliability import component_reliability

    with _writing_scores(pipe):
        analysed = analyse_with_progress(nlp, examples, doing)
        return component_reliability(pipe, analysed), analysed


@contextmanager
def _writing_scores(pipe: "CRFPipe") -> Iterator[None]:
    """Let a component write probabilities, whether it usually does or not."""
    setting = pipe.scores_setting
    if setting is None or pipe.cfg[setting] is not None:
        yield
        return
    pipe.cfg[setting] = "calibration"
    try:
        yield
    finally:
        pipe.cfg[setting] = None


def _is_worse(before: "Reliability", after: "Reliability") -> bool:
    """RETURNS (bool): Whether both measures say so: each has its whims."""
    errors = [(before.ece, after.ece), (before.brier, after.brier)]
    return all(a is not None and b is not None and a > b for b, a in errors)


def _report(before: "Reliability", after: "Reliability") -> None:
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


def _summarise(temperatures: List[float], measured: List["Reliability"]) -> None:
    rows = [
        ("Temperature", *map(format_figure, temperatures)),
        ("Predictions", *(str(m.size) for m in measured)),
        ("ECE", *(format_figure(m.ece) for m in measured)),
        ("Brier score", *(format_figure(m.brier) for m in measured)),
    ]
    msg.table(
        rows, header=("", "Before", "After"), aligns=("l", "r", "r"), divider=True
    )


def _format_bin(part: Optional["Bin"]) -> List[str]:
    if part is None:
        return [_NO_VALUE] * 3
    return [str(part.size), format_figure(part.score), format_figure(part.correct)]
