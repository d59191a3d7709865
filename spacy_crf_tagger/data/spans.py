"""Spans of characters, as annotation tools write them, and the tokens they cover."""

from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

from spacy.tokens import Doc, Span

OUT_OF_BOUNDS = "span out of bounds"
EMPTY = "empty span"
WHITESPACE = "span starts or ends with whitespace"
MISALIGNED = "span misaligned with token boundaries"
OVERLAP = "span overlaps a longer or earlier one"
CONFLICT = "span with several labels"

# First token, token after the last, and label.
_Key = Tuple[int, int, str]


class Fault(NamedTuple):
    """What is wrong with a span.

    line (int): The line that it is from.
    kind (str): What is wrong, in words that are the same for all such spans.
    text (str): The span.
    """

    line: int
    kind: str
    text: str


class CharSpan(NamedTuple):
    """A labelled span of a text.

    start (int): Its first character.
    end (int): The character after its last.
    label (str): Its label.
    line (int): The line of the file that it is from.
    """

    start: int
    end: int
    label: str
    line: int = 0

    def describe(self, text: str) -> str:
        """Describe it to users.

        text (str): The text that it is a span of.
        RETURNS (str): What it covers, and what it says of it.
        """
        covered = text[max(self.start, 0) : max(self.end, 0)]
        return f"{covered!r} ({self.label} {self.start}:{self.end})"


def guess_extent(start: object, end: object, length: int) -> Tuple[int, int]:
    """Find out what a malformed span may cover at most.

    start (object): What somebody gave as its first character.
    end (object): What somebody gave as the character after its last.
    length (int): Of the text.
    RETURNS (Tuple[int, int]): The first character and the one after the last: those of
        the text where nothing can be read.
    """
    first, last = _read_offset(start), _read_offset(end)
    return 0 if first is None else first, length if last is None else last


def set_entities(
    doc: Doc,
    char_spans: Sequence[CharSpan],
    unknown: Sequence[Tuple[int, int]],
    spans_key: Optional[str] = None,
) -> List[Fault]:
    """Set the entities of a document. Of overlapping spans the longest is used, or the
    first of these; if it has several labels, nobody knows which one is right. Tokens
    that are touched only by what could not be used get missing annotation, all others
    none.

    doc (Doc): The document.
    char_spans (Sequence[CharSpan]): The spans.
    unknown (Sequence[Tuple[int, int]]): First character and the one after the last of
        what else may be annotated.
    spans_key (Optional[str]): The span group that gets all spans, overlapping or not.
    RETURNS (List[Fault]): What is wrong with the spans.
    """
    text = doc.text
    found: Dict[_Key, int] = {}  # the line of each span, without repetitions
    problems: List[Fault] = []
    doubtful = [*unknown]
    boundaries = _Boundaries(doc)
    for char_span in char_spans:
        trimmed = _trim(char_span, text)
        extent = boundaries.align(trimmed)
        kind = _find_fault(char_span, trimmed, extent, text)
        description = char_span.describe(text)
        if kind == WHITESPACE:
            used = text[trimmed.start : trimmed.end]
            description = f"{description}: read as {used!r}"
        if kind is not None:
            problems.append(Fault(char_span.line, kind, description))
        if kind in (None, WHITESPACE) and extent is not None:
            found.setdefault((*extent, char_span.label), char_span.line)
        else:
            doubtful.append((char_span.start, char_span.end))
    kept, left_out = _choose(found)
    for keys, kind in left_out:
        start, end, _ = keys[0]
        loser = doc[start:end]
        labels = " or ".join(key[2] for key in keys)
        described = CharSpan(loser.start_char, loser.end_char, labels).describe(text)
        problems.append(Fault(found[keys[0]], kind, described))
        doubtful.append((loser.start_char, loser.end_char))
    if spans_key is not None:
        doc.spans[spans_key] = [Span(doc, *key) for key in sorted(found)]
    covered = {i for start, end, _ in kept for i in range(start, end)}
    missing = {i for extent in doubtful for i in _touched(doc, *extent)} - covered
    doc.set_ents(
        [Span(doc, *key) for key in kept],
        missing=[doc[i : i + 1] for i in sorted(missing)],
        default="outside",
    )
    return problems


def _choose(
    found: Iterable[_Key],
) -> Tuple[List[_Key], List[Tuple[List[_Key], str]]]:
    """Choose those of overlapping spans that become entities.

    found (Iterable[Tuple[int, int, str]]): First token, token after the last, and label
        of each span.
    RETURNS (Tuple[List[Tuple[int, int, str]], List[Tuple[List[Tuple[int, int, str]],
        str]]]): Those that are used, and what is wrong with each of the others, which
        differ in nothing but their labels.
    """
    by_extent: Dict[Tuple[int, int], List[_Key]] = {}
    for key in found:
        by_extent.setdefault(key[:2], []).append(key)
    kept: List[_Key] = []
    left_out: List[Tuple[List[_Key], str]] = []
    taken: Set[int] = set()
    longest_first = sorted(
        by_extent, key=lambda extent: (extent[0] - extent[1], extent)
    )
    for extent in longest_first:
        keys = by_extent[extent]
        if not taken.isdisjoint(range(*extent)):
            left_out.append((keys, OVERLAP))
            continue
        taken.update(range(*extent))
        if len(keys) > 1:
            left_out.append((keys, CONFLICT))
        else:
            kept += keys
    return kept, left_out


class _Boundaries:
    def __init__(self, doc: Doc) -> None:
        self.starts = {token.idx: token.i for token in doc}
        self.ends = {token.idx + len(token): token.i + 1 for token in doc}

    def align(self, span: CharSpan) -> Optional[Tuple[int, int]]:
        start, end = self.starts.get(span.start), self.ends.get(span.end)
        if start is None or end is None or start >= end:
            return None
        return start, end


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
    span: CharSpan, trimmed: CharSpan, aligned: Optional[Tuple[int, int]], text: str
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
