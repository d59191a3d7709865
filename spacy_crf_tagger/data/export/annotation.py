"""What a document says of its spans, and what of that a format cannot hold."""

from collections import Counter
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Set, Tuple

from spacy.attrs import ENT_IOB, ENT_TYPE
from spacy.tokens import Doc, Span

MISSING = "tokens without annotation among others that have it"
BLOCKED = "tokens that are blocked for entities"
EMPTY = "documents without text"
SCORES = "probabilities"
LINKS = "links to a knowledge base"
IDS = "ids of spans"
CATS = "categories of texts"
TOKEN_ATTRIBUTES = "tags, lemmas or parses"
SENTENCES = "starts of sentences"
NOTES = "notes on texts, such as why they were chosen"
RESPELT_LABELS = "spellings of labels, with _ for whitespace"

# Where `doc.user_data` has notes on a text for annotators: a mapping to plain values.
NOTES_KEY = "spacy_crf_tagger.notes"

_SCORES_KEY = "scores"
_BEGIN = 3
_OF_TOKENS = ("TAG", "POS", "MORPH", "LEMMA", "DEP")


class Losses:
    """Counts what a format cannot hold."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.n_docs: Counter[str] = Counter()

    def add(self, kind: str, count: int = 1) -> None:
        """Count what is lost of one document.

        kind (str): What it is, in words that are the same for all such.
        count (int): How many there are of it.
        """
        if count:
            self.counts[kind] += count
            self.n_docs[kind] += 1


class Holds(NamedTuple):
    """What a format can hold beside texts and their spans.

    missing (bool): Tokens without annotation.
    scores (bool): Probabilities of spans.
    sentences (bool): Where sentences start.
    notes (bool): Notes on texts.
    """

    missing: bool = False
    scores: bool = False
    sentences: bool = False
    notes: bool = False


class LabelledSpan(NamedTuple):
    """A span to write.

    start (int): Its first token.
    end (int): The token after its last.
    start_char (int): Its first character.
    end_char (int): The character after its last.
    label (str): Its label.
    score (Optional[float]): Its probability, where that is known.
    """

    start: int
    end: int
    start_char: int
    end_char: int
    label: str
    score: Optional[float] = None


class Annotated(NamedTuple):
    """A document, and what there is to write of it.

    doc (Doc): The document.
    spans (List[LabelledSpan]): Its spans, in the order of the text.
    missing (Set[int]): The tokens without annotation.
    model (Optional[str]): The span group that the probabilities are in, if these are
        the predictions of a model.
    """

    doc: Doc
    spans: List[LabelledSpan]
    missing: Set[int]
    model: Optional[str]

    @property
    def notes(self) -> Mapping[str, Any]:
        """RETURNS (Mapping[str, Any]): Notes on the text."""
        notes: Mapping[str, Any] = self.doc.user_data.get(NOTES_KEY, {})
        return notes

    @property
    def is_annotated(self) -> bool:
        """RETURNS (bool): Whether anything is known about the text."""
        return len(self.missing) < len(self.doc) or not len(self.doc)


def respell(text: str) -> str:
    """Write a text without whitespace.

    text (str): The text.
    RETURNS (str): The same with `_` for whitespace.
    """
    return "_".join(text.split())


def annotation_of(
    doc: Doc, holds: Holds, losses: Losses, spans_key: Optional[str] = None
) -> Annotated:
    """Collect what there is to write of a document.

    doc (Doc): The document.
    holds (Holds): What the format can hold.
    losses (Losses): Where to count what it cannot.
    spans_key (Optional[str]): The span group to write; the entities if None.
    RETURNS (Annotated): The spans of the document.
    """
    if spans_key is None:
        found: List[Span] = list(doc.ents)
        iobs, types = doc.to_array([ENT_IOB, ENT_TYPE]).reshape(-1, 2).T.tolist()
        missing = {i for i, iob in enumerate(iobs) if not iob}
        pairs = zip(iobs, types, strict=True)
        n_blocked = sum(iob == _BEGIN and not kind for iob, kind in pairs)
        losses.add(BLOCKED, n_blocked)
    else:
        found = sorted(doc.spans.get(spans_key, ()), key=lambda s: (s.start, s.end))
        missing = set() if spans_key in doc.spans else set(range(len(doc)))
    scores, model = _find_scores(doc, spans_key)
    spans = [
        LabelledSpan(
            span.start,
            span.end,
            span.start_char,
            span.end_char,
            span.label_,
            scores.get(_key(span)),
        )
        for span in found
    ]
    annotated = Annotated(doc, spans, missing, model)
    if not holds.missing and annotated.is_annotated:
        losses.add(MISSING, len(missing))
    if not holds.scores:
        losses.add(SCORES, sum(span.score is not None for span in spans))
    _count_others(doc, found, holds, losses, written=(spans_key, model))
    return annotated


def _key(span: Span) -> Tuple[int, int, int]:
    return span.start, span.end, span.label


def _find_scores(
    doc: Doc, spans_key: Optional[str]
) -> Tuple[Dict[Tuple[int, int, int], float], Optional[str]]:
    """RETURNS (Tuple[Dict[Tuple[int, int, int], float], Optional[str]]): The
    probability of each span, and the group that has them: the one to be written, or
    else the first that has one for each entity.
    """
    entities = {_key(entity) for entity in doc.ents}
    for name, group in doc.spans.items():
        values = group.attrs.get(_SCORES_KEY)
        if values is None or len(values) != len(group) or spans_key not in (None, name):
            continue
        pairs = zip(group, values, strict=True)
        scores = {_key(span): float(value) for span, value in pairs}
        if spans_key is not None or entities <= scores.keys():
            return scores, name
    return {}, None


def _count_others(
    doc: Doc,
    found: Iterable[Span],
    holds: Holds,
    losses: Losses,
    *,
    written: Tuple[Optional[str], ...],
) -> None:
    found = list(found)
    losses.add(LINKS, sum(bool(span.kb_id) for span in found))
    losses.add(IDS, sum(bool(span.id) for span in found))
    losses.add(CATS, len(doc.cats))
    keys = {_key(span) for span in found}
    for name, group in doc.spans.items():
        # Of predictions, what is no entity is a candidate that was not chosen.
        n_others = sum(name not in written or _key(span) not in keys for span in group)
        losses.add(f"spans in doc.spans[{name!r}]", n_others)
    if any(doc.has_annotation(name) for name in _OF_TOKENS):
        losses.add(TOKEN_ATTRIBUTES, len(doc))
    if not holds.notes:
        losses.add(NOTES, len(doc.user_data.get(NOTES_KEY, ())))
    if not holds.sentences:
        # The first token starts one in any text.
        losses.add(SENTENCES, sum(token.is_sent_start is True for token in doc[1:]))
