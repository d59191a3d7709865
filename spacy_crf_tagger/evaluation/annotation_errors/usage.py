"""How the same words are annotated elsewhere in a corpus."""

import math
from collections import Counter
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

from spacy.tokens import Doc, Token

from .findings import EntitySpan

OUTSIDE = ""
# What is added to the number of a word's occurrences with a label: little, so that a
# word which is always annotated alike speaks loudly.
_SMOOTHING = 0.1


# A word, with the one before or behind it, or with neither.
Context = Tuple[Optional[str], str, Optional[str]]


class Usage:
    """How often each word of a corpus has each label: by itself, after the word before
    it, and before the word behind it. The size depends on the number of different pairs
    of neighbours.
    """

    def __init__(self) -> None:
        # By hashes, since there are as many contexts as a large corpus has.
        self._counts: Counter[int] = Counter()

    def add(self, doc: Doc) -> None:
        """Count the words of a document that are annotated.

        doc (Doc): The document.
        """
        for token in doc:
            if token.ent_iob:
                label = token.ent_type_
                self._counts.update(hash((c, label)) for c in _contexts(token))

    def log_ratio(
        self,
        doc: Doc,
        tokens: Iterable[int],
        annotated: Sequence[EntitySpan],
        suggested: Sequence[EntitySpan],
    ) -> float:
        """Compare how often words are annotated as suggested and as they are, elsewhere
        in the corpus: the mean over the words of the logarithm of that ratio, for a
        word by itself, plus the mean of those with the word before and behind.

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
            labels = label_at(suggested, token.i), label_at(annotated, token.i)
            alone, before, behind = (
                self._log_ratio(token, context, *labels) for context in _contexts(token)
            )
            total += alone + (before + behind) / 2.0
        return total / len(words)

    def _log_ratio(
        self, token: Token, context: Context, suggested: str, annotated: str
    ) -> float:
        right, wrong = (
            self._elsewhere(token, context, label) + _SMOOTHING
            for label in (suggested, annotated)
        )
        return math.log(right / wrong)

    def _elsewhere(self, token: Token, context: Context, label: str) -> int:
        """RETURNS (int): How often a context has a label, without this occurrence."""
        is_own = token.ent_iob and token.ent_type_ == label
        # A document that was not added has no occurrence to leave out.
        return max(self._counts[hash((context, label))] - bool(is_own), 0)


def _contexts(token: Token) -> Tuple[Context, Context, Context]:
    doc, i = token.doc, token.i
    word = _word(token)
    before = _word(doc[i - 1]) if i else ""
    behind = _word(doc[i + 1]) if i + 1 < len(doc) else ""
    return (None, word, None), (before, word, None), (None, word, behind)


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
