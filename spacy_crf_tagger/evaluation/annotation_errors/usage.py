"""How the same words are annotated elsewhere in a corpus."""

import math
from collections import Counter
from typing import Dict, Iterable, List, Sequence, Tuple

from spacy.tokens import Doc, Token

from .findings import EntitySpan

OUTSIDE = ""
# What is added to the number of a word's occurrences with a label: little, so that a
# word which is always annotated alike speaks loudly.
_SMOOTHING = 0.1


class Usage:
    """How often each word of a corpus has each label. The size depends on the number of
    different words.
    """

    def __init__(self) -> None:
        self._counts: Counter[Tuple[str, str]] = Counter()

    def add(self, doc: Doc) -> None:
        """Count the words of a document that are annotated.

        doc (Doc): The document.
        """
        for token in doc:
            if token.ent_iob:
                self._counts[_word(token), token.ent_type_] += 1

    def log_ratio(
        self,
        doc: Doc,
        tokens: Iterable[int],
        annotated: Sequence[EntitySpan],
        suggested: Sequence[EntitySpan],
    ) -> float:
        """Compare how often words are annotated as suggested and as they are, elsewhere
        in the corpus: the mean of the logarithms of the ratios.

        doc (Doc): A document of the corpus.
        tokens (Iterable[int]): The tokens; those without a letter or digit count only
            if there are no others.
        annotated (Sequence[EntitySpan]): The annotated entities that they are in.
        suggested (Sequence[EntitySpan]): The suggested ones.
        RETURNS (float): Above 0 if other occurrences speak for the suggestion.
        """
        words = [doc[i] for i in tokens]
        words = [w for w in words if any(map(str.isalnum, w.text))] or words
        total = 0.0
        for token in words:
            right, wrong = (
                self._elsewhere(token, label_at(spans, token.i))
                for spans in (suggested, annotated)
            )
            total += math.log((right + _SMOOTHING) / (wrong + _SMOOTHING))
        return total / len(words)

    def _elsewhere(self, token: Token, label: str) -> int:
        """RETURNS (int): How often a word has a label, without this occurrence."""
        is_own = token.ent_iob and token.ent_type_ == label
        # A document that was not added has no occurrence to leave out.
        return max(self._counts[_word(token), label] - bool(is_own), 0)


def label_at(spans: Sequence[EntitySpan], token: int) -> str:
    """RETURNS (str): The label of the entity that a token is in, or `OUTSIDE`."""
    inside = (span.label for span in spans if span.start <= token < span.end)
    return next(inside, OUTSIDE)


def relabelled(
    annotated: Sequence[EntitySpan], suggested: Sequence[EntitySpan]
) -> List[int]:
    """RETURNS (List[int]): The tokens that would get another label; all tokens of both,
    if only borders between entities would change.
    """
    labels: Dict[int, List[str]] = {}
    for number, spans in enumerate((annotated, suggested)):
        for span in spans:
            for i in range(span.start, span.end):
                labels.setdefault(i, [OUTSIDE, OUTSIDE])[number] = span.label
    changed = [i for i, (before, after) in labels.items() if before != after]
    return sorted(changed or labels)


def _word(token: Token) -> str:
    """RETURNS (str): The form of a word, without regard to case unless it looks like an
    abbreviation.
    """
    text = str(token.text)
    # Not by attributes of tokens, which only vocabularies of a language compute.
    return text if text.isupper() and len(text) > 1 else text.lower()
