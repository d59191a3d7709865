"""Sentences with marks, in pieces that have the same marks all along."""

from itertools import pairwise
from typing import List, NamedTuple, Optional, Sequence

from .sentences import Mark, Sentence


class Piece(NamedTuple):
    """A piece of a sentence.

    text (str): The text.
    gold (Optional[str]): What it is annotated as; empty if the piece before says so.
    predicted (Optional[str]): What it is predicted as, with the probability; empty if
        the piece before says so.
    is_focus (bool): Whether it belongs to the error.
    """

    text: str
    gold: Optional[str]
    predicted: Optional[str]
    is_focus: bool


def cut_pieces(sentence: Sentence) -> List[Piece]:
    """Cut a sentence where a mark begins or ends.

    sentence (Sentence): The sentence.
    RETURNS (List[Piece]): Its pieces.
    """
    cuts = {0, len(sentence.text), *sentence.focus}
    for mark in (*sentence.gold, *sentence.predicted):
        cuts |= {mark.start, mark.end}
    borders = sorted(cuts)
    start, end = sentence.focus
    return [
        Piece(
            sentence.text[low:high],
            _name(sentence.gold, low),
            _name(sentence.predicted, low),
            start <= low < end,
        )
        for low, high in pairwise(borders)
    ]


def format_probability(probability: Optional[float]) -> str:
    """RETURNS (str): A probability with two decimals, without the zero in front."""
    if probability is None:
        return ""
    if 0 < probability < 0.005:
        return "<.01"
    shown = f"{probability:.2f}"
    return shown.removeprefix("0") if probability < 0.995 else "1.0"


def _name(marks: Sequence[Mark], start: int) -> Optional[str]:
    for mark in marks:
        if mark.start <= start < mark.end:
            name = f"{mark.label} {format_probability(mark.probability)}".strip()
            return name if mark.start == start else ""
    return None
