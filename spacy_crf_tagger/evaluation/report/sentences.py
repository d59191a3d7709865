"""The sentence that an error is in, with all that is annotated and predicted there."""

from typing import List, NamedTuple, Optional, Sequence, Tuple

from spacy.tokens import Doc

from .outcomes import Unit

_MOST_TOKENS = 25  # on each side
_MOST_CHARACTERS = 400  # on each side


class Mark(NamedTuple):
    """A part of a text.

    start (int): Its first character.
    end (int): The character after its last.
    label (str): Its label.
    probability (Optional[float]): How probable it is, as far as that is known.
    """

    start: int
    end: int
    label: str
    probability: Optional[float]


class Sentence(NamedTuple):
    """A sentence, or the words around an error.

    place (str): The file, and the number of the document in it.
    text (str): The text.
    focus (Tuple[int, int]): First character of the error, and the one after its last.
    gold (List[Mark]): What is annotated.
    predicted (List[Mark]): What is predicted.
    """

    place: str
    text: str
    focus: Tuple[int, int]
    gold: List[Mark]
    predicted: List[Mark]


Scored = Tuple[Unit, Optional[float]]


def cut_sentence(
    doc: Doc,
    place: str,
    focus: Tuple[int, int],
    gold: Sequence[Scored],
    predicted: Sequence[Scored],
) -> Sentence:
    """Cut the sentence of an error out of its document; of a long one, the words around
    the error.

    doc (Doc): The document.
    place (str): The file, and the number of the document in it.
    focus (Tuple[int, int]): First token of the error, and the one after its last.
    gold (Sequence[Tuple[Unit, Optional[float]]]): What is annotated, and how probable
        it is.
    predicted (Sequence[Tuple[Unit, Optional[float]]]): What is predicted.
    RETURNS (Sentence): The sentence.
    """
    first, last = _bounds(doc, *focus)
    offset = doc[first].idx
    text = doc[first:last].text
    start, end = _characters(doc, *focus)
    low = max(0, start - offset - _MOST_CHARACTERS)
    # An annotated page is shown from its beginning.
    shown = min(end - start, _MOST_CHARACTERS)
    high = min(len(text), start - offset + shown + _MOST_CHARACTERS)
    offset += low
    text = text[low:high]

    def mark(scored: Sequence[Scored]) -> List[Mark]:
        marks = []
        for unit, probability in scored:
            if unit.end <= first or unit.start >= last:
                continue
            one, other = _characters(doc, unit.start, unit.end)
            one, other = max(one - offset, 0), min(other - offset, len(text))
            if one < other:
                marks.append(Mark(one, other, unit.label, probability))
        return marks

    where = (start - offset, min(end - offset, len(text)))
    return Sentence(place, text, where, mark(gold), mark(predicted))


def _characters(doc: Doc, start: int, end: int) -> Tuple[int, int]:
    return doc[start].idx, doc[end - 1].idx + len(doc[end - 1])


def _bounds(doc: Doc, start: int, end: int) -> Tuple[int, int]:
    """RETURNS (Tuple[int, int]): The first token of the sentence, and the one after its
    last.
    """
    first, last = start, end
    while first > max(0, start - _MOST_TOKENS) and doc[first].is_sent_start is not True:
        first -= 1
    limit = min(len(doc), end + _MOST_TOKENS)
    while last < limit and doc[last].is_sent_start is not True:
        last += 1
    return first, last
