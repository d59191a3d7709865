"""`spacy crf set`: change settings of a saved pipeline."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Dict, Optional

import typer
from spacy.language import Language
from spacy.training import Corpus
from wasabi import msg

from .errors import explained
from .figures import analyse_with_progress, print_figures
from .loading import (
    ComponentOption,
    ModelArgument,
    check_output,
    load_pipeline,
    reading_docs,
    save_pipeline,
)

if TYPE_CHECKING:
    from ..pipeline.base import CRFPipe

_NULL = ("null", "none")
# What a promise of `spacy crf guarantee` is about.
_PROMISED = ("candidates_key", "candidates_floor", "label_floors")


def set_cli(
    model: ModelArgument,
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="Directory to write the pipeline to; may be MODEL"
        ),
    ],
    threshold: Annotated[
        Optional[str],
        typer.Option(
            "--threshold",
            "-t",
            help="Least probability of an entity that is written, or null",
        ),
    ] = None,
    decoder: Annotated[
        Optional[str], typer.Option("--decoder", help="viterbi or mbr")
    ] = None,
    presets: Annotated[
        Optional[str],
        typer.Option(
            "--presets",
            help="What to do with entities that are set before: respect or ignore",
        ),
    ] = None,
    spans_key: Annotated[
        Optional[str],
        typer.Option(
            "--spans-key", help="Where doc.spans holds entities with scores, or null"
        ),
    ] = None,
    candidates_key: Annotated[
        Optional[str],
        typer.Option(
            "--candidates-key",
            help="Where doc.spans holds all spans above the floor, or null",
        ),
    ] = None,
    candidates_floor: Annotated[
        Optional[str],
        typer.Option(
            "--candidates-floor", help="What the probability of these must be above"
        ),
    ] = None,
    overwrite: Annotated[
        Optional[bool],
        typer.Option(
            "--overwrite/--no-overwrite",
            help="Whether tags that are set before are replaced (crf_tagger)",
        ),
    ] = None,
    scores_key: Annotated[
        Optional[str],
        typer.Option(
            "--scores-key",
            help="Where doc.user_data holds the probabilities of tags, or null "
            "(crf_tagger)",
        ),
    ] = None,
    component: ComponentOption = None,
    evaluate: Annotated[
        Optional[Path],
        typer.Option(
            "--evaluate",
            "-e",
            help="Annotated .spacy file, to measure the figures in meta.json anew",
        ),
    ] = None,
) -> None:
    """Change settings of a component, and save the pipeline. Example, after `spacy
    find-threshold`:

    python -m spacy crf set calibrated chosen --threshold 0.4
    """
    given: Dict[str, Any] = {
        "threshold": threshold,
        "decoder": decoder,
        "presets": presets,
        "spans_key": spans_key,
        "candidates_key": candidates_key,
        "candidates_floor": candidates_floor,
        "overwrite": overwrite,
        "scores_key": scores_key,
    }
    settings = {
        name: None if str(value).lower() in _NULL else value
        for name, value in given.items()
        if value is not None
    }
    for name in ("threshold", "candidates_floor"):
        if settings.get(name) is not None:
            settings[name] = _read_number(str(settings[name]))
    set_settings(model, output, settings, component=component, evaluate=evaluate)


def set_settings(
    model: str,
    output: Path,
    settings: Dict[str, Any],
    *,
    component: Optional[str] = None,
    evaluate: Optional[Path] = None,
) -> None:
    """Change settings of a component, and save the pipeline.

    model (str): Name of an installed pipeline package, or a path.
    output (Path): Where to write the pipeline.
    settings (Dict[str, Any]): The settings, and their values.
    component (Optional[str]): The name of the component; None for `crf_ner`, or else
        the only one that there is.
    evaluate (Optional[Path]): Annotated documents to measure the figures in `meta.json`
        on; None to leave these as they are.
    """
    from ..evaluation.calibration import find_component

    if not settings:
        msg.fail("No setting to change: say which, such as --threshold 0.4", exits=1)
    check_output(output, *([] if evaluate is None else [evaluate]))
    nlp = load_pipeline(model)
    with explained(f"Can't change settings of {model}", ValueError):
        name, pipe = find_component(nlp, component)
        before = pipe.settings
        pipe.change_settings(**settings)
    rows = [
        (key, _format(getattr(before, key)), _format(getattr(pipe.settings, key)))
        for key in settings
    ]
    msg.table(rows, header=(name, "Before", "After"), divider=True)
    if evaluate is not None:
        _measure(nlp, name, evaluate)
    elif pipe.settings != before:
        _warn_of_old_figures(nlp, pipe)
    if any(name in settings for name in _PROMISED):
        _drop_promise(nlp, name)
    save_pipeline(nlp, output)


def _drop_promise(nlp: Language, name: str) -> None:
    if nlp.meta.get("guarantees", {}).pop(name, None) is not None:
        msg.warn(
            "What `spacy crf guarantee` promised does not hold for other candidates",
            "The promise is taken out of meta.json. Run the command again.",
        )


def _measure(nlp: Language, name: str, path: Path) -> None:
    from ..evaluation.figures import store_figures

    with reading_docs(path):
        examples = list(Corpus(path)(nlp))
    analysed = analyse_with_progress(nlp, examples, "Measuring")
    figures = dict(nlp.meta.get("performance", {}))
    print_figures(figures, store_figures(nlp, name, analysed))


def _warn_of_old_figures(nlp: Language, pipe: "CRFPipe") -> None:
    # Of no documents, a component has the names of its scores alone.
    if set(pipe.score([])) & set(nlp.meta.get("performance", {})):
        msg.warn(
            "The figures in meta.json were measured with the settings before",
            "Give annotated documents by --evaluate to measure them anew.",
        )


def _read_number(text: str) -> Any:
    """RETURNS (Any): The number, or what its check will refuse."""
    try:
        return float(text)
    except ValueError:
        return text


def _format(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
