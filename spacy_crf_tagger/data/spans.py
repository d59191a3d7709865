"""Spans of characters, as annotation tools write them, and the tokens they cover."""

from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

from spacy.tokens import Doc, Span
from spacy.util import filter_spans

OUT_OF_BOUNDS = "span out of bounds"
EMPTY = "empty span"
WHITESPACE = "span starts or ends with whitespace"
MISALIGNED = "span misaligned with token boundaries"
OVERLAP = "span overlaps a longer or earlier one"


class CharSpan(NamedTuple):
    """A labelled span of a text.

    start (int): Its first character.
    end (int): The character after its last.
    label (str): Its label.
    """

    start: int
    end: int
    label: str

    def describe(self, text: str) -> str:
        """Describe it to users.

        text (str): The text that it is a span of.
        RETURNS (str): What it covers, and what it says of it.
        """
        covered = text[max(self.start, 0) : max(self.end, 0)]
        return f"{covered!r} ({self.label} {self.start}:{self.end})"


def guess_extent(span: object, length: int) -> Tuple[int, int]:
    """Find out what a malformed span may cover at most.

    span (object): What somebody gave as a span.
    length (int): Of the text.
    RETURNS (Tuple[int, int]): The first character and the one after the last: those of
        the text where nothing can be read.
    """
    start: object = None
    end: object = None
    if isinstance(span, dict):
        start, end = span.get("start"), span.get("end")
    elif isinstance(span, (list, tuple)):
        start, end = (*span, None, None)[:2]
    first, last = _read_offset(start), _read_offset(end)
    return 0 if first is None else first, length if last is None else last


def set_entities(
    doc: Doc, char_spans: Sequence[CharSpan], unknown: Sequence[Tuple[int, int]]
) -> List[Tuple[str, str]]:
    """Set the entities of a document. Of overlapping spans the longest is used, or the
    first of these. Tokens that are touched only by what could not be used get missing
    annotation, all others none.

    doc (Doc): The document.
    char_spans (Sequence[CharSpan]): The spans.
    unknown (Sequence[Tuple[int, int]]): First character and the one after the last of
        what else may be annotated.
    RETURNS (List[Tuple[str, str]]): Kind and text of the problems with the spans.
    """
    text = doc.text
    spans: List[Span] = []
    problems: List[Tuple[str, str]] = []
    doubtful = [*unknown]
    boundaries = _Boundaries(doc)
    for char_span in char_spans:
        trimmed = _trim(char_span, text)
        span = boundaries.align(trimmed)
        kind = _find_fault(char_span, trimmed, span, text)
        if kind is not None:
            problems.append((kind, char_span.describe(text)))
        if kind == WHITESPACE:
            used = text[trimmed.start : trimmed.end]
            problems[-1] = (kind, f"{problems[-1][1]}: read as {used!r}")
        if kind in (None, WHITESPACE) and span is not None:
            spans.append(span)
        else:
            doubtful.append((char_span.start, char_span.end))
    kept = filter_spans(spans)
    kept_ids = {id(span) for span in kept}
    for span in spans:
        if id(span) not in kept_ids:
            loser = CharSpan(span.start_char, span.end_char, span.label_)
            problems.append((OVERLAP, loser.describe(text)))
            doubtful.append((loser.start, loser.end))
    covered = {i for span in kept for i in range(span.start, span.end)}
    missing = {i for extent in doubtful for i in _touched(doc, *extent)} - covered
    doc.set_ents(
        kept, missing=[doc[i : i + 1] for i in sorted(missing)], default="outside"
    )
    return problems


class _Boundaries:
    def __init__(self, doc: Doc) -> None:
        self.doc = doc
        self.starts = {token.idx: token.i for token in doc}
        self.ends = {token.idx + len(token): token.i + 1 for token in doc}

    def align(self, span: CharSpan) -> Optional[Span]:
        start, end = self.starts.get(span.start), self.ends.get(span.end)
        if start is None or end is None or start >= end:
            return None
        return Span(self.doc, start, end, label=span.label)


def _read_offset(value: Any) -> Optional[int]:
    """RETURNS (Optional[int]): The offset that was meant, as far as one can tell."""
    if isinstance(value, bool):
        return None
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _trim(span: CharSpan, text: str) -> CharSpan:
    covered = text[max(span.start, 0) : max(span.end, 0)]
    start = span.start + len(covered) - len(covered.lstrip())
    return span._replace(start=start, end=start + len(covered.strip()))


def _find_fault(
    span: CharSpan, trimmed: CharSpan, aligned: Optional[Span], text: str
) -> Optional[str]:
    if span.start < 0 or max(span.start, span.end) > len(text):
        return OUT_OF_BOUNDS
    if trimmed.start >= trimmed.end:
        return EMPTY
    if aligned is None:
        return MISALIGNED
    return None if trimmed == span else WHITESPACE


def _touched(doc: Doc, start: int, end: int) -> List[int]:
    """RETURNS (List[int]): The tokens that a span covers in part or wholly."""
    start, end = sorted((start, end))
    return [t.i for t in doc if t.idx < end and t.idx + len(t) > start]
