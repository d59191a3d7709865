"""Measure pipelines for commands, and print figures."""

from functools import partial
from typing import Any, Dict, List, Mapping, Optional, Tuple

from spacy.language import Language
from spacy.training import Example
from tqdm import tqdm
from wasabi import msg

_NO_VALUE = "–"


def analyse_with_progress(
    nlp: Language, examples: List[Example], doing: str
) -> List[Example]:
    """Let a pipeline analyse documents, with a progress bar on a terminal.

    nlp (Language): The pipeline.
    examples (List[Example]): The annotated documents.
    doing (str): What it is for.
    RETURNS (List[Example]): Examples of the analysed documents.
    """
    # Loads what only some commands need.
    from ..evaluation.calibration import analyse_examples

    msg.info(f"{doing}: analysing {len(examples)} documents")
    bar = partial(tqdm, total=len(examples), unit="doc", disable=None, leave=False)
    return analyse_examples(nlp, examples, progress=bar)


def print_figures(before: Mapping[str, Any], after: Dict[str, Any]) -> None:
    """Print the figures of a pipeline that are numbers.

    before (Mapping[str, Any]): The figures that were in its `meta.json`.
    after (Dict[str, Any]): Those that have been measured anew.
    """
    rows: List[Tuple[str, str, str]] = [
        (name, format_figure(before.get(name)), format_figure(value))
        for name, value in after.items()
        if value is None or isinstance(value, (int, float))
    ]
    if rows:
        header = ("In meta.json", "Before", "After")
        msg.table(rows, header=header, aligns=("l", "r", "r"), divider=True)


def format_figure(value: Optional[float]) -> str:
    """RETURNS (str): A figure with three decimals."""
    return _NO_VALUE if value is None else f"{value:.3f}"
