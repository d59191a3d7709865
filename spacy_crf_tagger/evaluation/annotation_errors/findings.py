"""A place that is probably wrong, and what should be there."""

import math
from typing import List, NamedTuple, Sequence, Tuple

SPURIOUS, MISSING, LABEL, BORDER = "spurious", "missing", "label", "border"
KINDS = {
    SPURIOUS: "annotated, but probably no entity",
    MISSING: "probably an entity, but not annotated",
    LABEL: "probably of another label",
    BORDER: "probably with other borders",
}
# Logarithms of what is impossible.
LOWEST = -700.0


class EntitySpan(NamedTuple):
    """An entity of a document.

    start (int): Its first token.
    end (int): The token after its last.
    label (str): Its label.
    """

    start: int
    end: int
    label: str


class Change(NamedTuple):
    """What would change if a suggestion was accepted.

    annotated (Tuple[EntitySpan, ...]): The entities that would go.
    suggested (Tuple[EntitySpan, ...]): Those that would come.
    kind (str): A key of `KINDS`.
    """

    annotated: Tuple[EntitySpan, ...]
    suggested: Tuple[EntitySpan, ...]
    kind: str


class Finding(NamedTuple):
    """A place that may be wrong.

    doc (int): The number of the document in the corpus, from 0.
    start (int): The first token of what would change.
    end (int): The token after its last.
    change (Change): What would change.
    probability (float): That of the annotation, given all else in the document.
    suggested_probability (float): That of the suggestion, given the same.
    log_odds (float): The natural logarithm of the second over the first.
    usage (float): How far other occurrences of the words speak for the suggestion, as a
        logarithm.
    evidence (float): What findings are ranked by: both logarithms together.
    """

    doc: int
    start: int
    end: int
    change: Change
    probability: float
    suggested_probability: float
    log_odds: float
    usage: float
    evidence: float

    @property
    def score(self) -> float:
        """RETURNS (float): The evidence as a number from 0 to 1."""
        return score_of(self.evidence)


def score_of(evidence: float) -> float:
    """RETURNS (float): Log-odds as a number from 0 to 1."""
    return 1.0 / (1.0 + math.exp(-max(evidence, LOWEST)))


def change_of(
    annotated: Sequence[EntitySpan], suggested: Sequence[EntitySpan]
) -> Change:
    """Say what would change where the annotation and a suggestion differ.

    annotated (Sequence[EntitySpan]): The annotated entities of a place.
    suggested (Sequence[EntitySpan]): The suggested ones, which are others.
    RETURNS (Change): The change.
    """
    wrong = [span for span in annotated if span not in suggested]
    right = [span for span in suggested if span not in annotated]
    return Change(tuple(wrong), tuple(right), _kind_of(wrong, right))


def _kind_of(wrong: List[EntitySpan], right: List[EntitySpan]) -> str:
    if not right:
        return SPURIOUS
    if not wrong:
        return MISSING
    extents = [[(span.start, span.end) for span in spans] for spans in (wrong, right)]
    return LABEL if extents[0] == extents[1] else BORDER
