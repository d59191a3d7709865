"""A place that is probably wrong, and what should be there."""

import math
from typing import List, NamedTuple, Sequence, Tuple

from spacy.tokens import Doc

SPURIOUS, MISSING, LABEL, BORDER = "spurious", "missing", "label", "border"
KINDS = {
    SPURIOUS: "annotated, but probably no entity",
    MISSING: "probably an entity, but not annotated",
    LABEL: "probably of another label",
    BORDER: "probably with other borders",
}
# Logarithms of what is impossible.
_LOWEST = -700.0


class EntitySpan(NamedTuple):
    """An entity of a document.

    start (int): Its first token.
    end (int): The token after its last.
    label (str): Its label.
    """

    start: int
    end: int
    label: str


class Finding(NamedTuple):
    """A place that may be wrong.

    doc (int): The number of the document in the corpus, from 0.
    start (int): The first token of what would change.
    end (int): The token after its last.
    kind (str): A key of `KINDS`.
    annotated (Tuple[EntitySpan, ...]): The entities that are probably wrong.
    suggested (Tuple[EntitySpan, ...]): Those that are probably right in their place.
    probability (float): That of the annotation, given all else in the document.
    suggested_probability (float): That of the suggestion, given the same.
    log_odds (float): The natural logarithm of the second over the first.
    """

    doc: int
    start: int
    end: int
    kind: str
    annotated: Tuple[EntitySpan, ...]
    suggested: Tuple[EntitySpan, ...]
    probability: float
    suggested_probability: float
    log_odds: float

    @property
    def score(self) -> float:
        """RETURNS (float): How probable the suggestion is if one of both is right."""
        return 1.0 / (1.0 + math.exp(-max(self.log_odds, _LOWEST)))


def finding_of(
    doc: Doc,
    number: int,
    annotated: Sequence[EntitySpan],
    suggested: Sequence[EntitySpan],
    log_annotated: float,
    log_suggested: float,
) -> Finding:
    """Say what would change where the annotation and a suggestion differ.

    doc (Doc): The document.
    number (int): Its number in the corpus.
    annotated (Sequence[EntitySpan]): The annotated entities of a place.
    suggested (Sequence[EntitySpan]): The suggested ones, which are others.
    log_annotated (float): The log of the probability of the annotation.
    log_suggested (float): That of the suggestion.
    RETURNS (Finding): The change.
    """
    wrong = [span for span in annotated if span not in suggested]
    right = [span for span in suggested if span not in annotated]
    both = [*wrong, *right]
    log_annotated = max(log_annotated, _LOWEST)
    return Finding(
        number,
        min(span.start for span in both),
        max(span.end for span in both),
        _kind_of(wrong, right),
        tuple(wrong),
        tuple(right),
        math.exp(min(log_annotated, 0.0)),
        math.exp(min(log_suggested, 0.0)),
        log_suggested - log_annotated,
    )


def _kind_of(wrong: List[EntitySpan], right: List[EntitySpan]) -> str:
    if not right:
        return SPURIOUS
    if not wrong:
        return MISSING
    extents = [[(span.start, span.end) for span in spans] for spans in (wrong, right)]
    return LABEL if extents[0] == extents[1] else BORDER
