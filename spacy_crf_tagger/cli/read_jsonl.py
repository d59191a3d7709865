"""Read texts with labelled spans, one JSON object a line, as Prodigy exports them."""

import json
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import filter_spans

from .reading import Problem, Reading, numbered_lines

NOT_AN_OBJECT = "not a JSON object"
BAD_ANSWER = "unknown answer"
BAD_TEXT = "missing, empty or invalid text"
BAD_SPAN = "malformed span"
OUT_OF_BOUNDS = "span out of bounds"
EMPTY = "empty span"
WHITESPACE = "span starts or ends with whitespace"
MISALIGNED = "span misaligned with token boundaries"
OVERLAP = "span overlaps a longer or earlier one"

ACCEPT = "accept"
LEFT_OUT = ("ignore", "reject")


def read_jsonl(text: str, nlp: Language) -> Reading:
    """Read one JSON object a line: `text`, `spans` with `start`, `end` (in characters)
    and `label`, and optionally `answer`. Other keys are ignored; no `spans` means no
    entities. Only accepted lines become documents.

    text (str): The content of a file.
    nlp (Language): The pipeline whose tokenizer is used.
    RETURNS (Reading): The documents and the problems. Of overlapping spans the longest
        is used, or the first of these. Tokens that are touched only by spans that
        could not be used have missing annotation.
    """
    reading = Reading()
    for number, line in numbered_lines(text):
        if not line.strip():
            continue
        try:
            record = _parse_object(line)
            answer = _parse_answer(record)
            if answer in LEFT_OUT:
                reading.left_out.setdefault(answer, []).append(number)
                continue
            doc = nlp.tokenizer(_parse_text(record))
            spans = [_parse_span(span) for span in _parse_spans(record)]
        except _MalformedLineError as error:
            reading.problems.append(Problem(number, error.kind, error.text))
            continue
        for kind, culprit in _annotate(doc, spans):
            reading.problems.append(Problem(number, kind, culprit))
        reading.docs.append(doc)
    return reading


class _MalformedLineError(Exception):
    def __init__(self, kind: str, culprit: object) -> None:
        super().__init__(kind)
        self.kind = kind
        self.text = repr(culprit)


class _CharSpan(NamedTuple):
    start: int
    end: int
    label: str

    def describe(self, text: str) -> str:
        covered = text[max(self.start, 0) : max(self.end, 0)]
        return f"{covered!r} ({self.label} {self.start}:{self.end})"


def _parse_object(line: str) -> Dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _MalformedLineError(NOT_AN_OBJECT, line) from error
    if not isinstance(record, dict):
        raise _MalformedLineError(NOT_AN_OBJECT, line)
    return record


def _parse_answer(record: Dict[str, Any]) -> str:
    answer = record.get("answer")
    if answer is None:
        return ACCEPT
    if answer not in (ACCEPT, *LEFT_OUT):
        raise _MalformedLineError(BAD_ANSWER, answer)
    return str(answer)


def _parse_text(record: Dict[str, Any]) -> str:
    text = record.get("text")
    if not _is_usable(text):
        raise _MalformedLineError(BAD_TEXT, record)
    return str(text)


def _parse_spans(record: Dict[str, Any]) -> List[Any]:
    spans = record.get("spans")
    if spans is None:
        return []
    if not isinstance(spans, list):
        raise _MalformedLineError(BAD_SPAN, spans)
    return spans


def _parse_span(span: object) -> _CharSpan:
    if not isinstance(span, dict):
        raise _MalformedLineError(BAD_SPAN, span)
    start, end, label = (span.get(key) for key in _CharSpan._fields)
    # Not isinstance: true and false are no offsets.
    if type(start) is not int or type(end) is not int or not _is_usable(label):
        raise _MalformedLineError(BAD_SPAN, span)
    return _CharSpan(start, end, str(label))


def _is_usable(value: object) -> bool:
    """RETURNS (bool): Whether spaCy can store the value as a string. JSON may hold
    halves of surrogate pairs, which have no encoding.
    """
    if not isinstance(value, str) or not value:
        return False
    try:
        value.encode("utf8")
    except UnicodeEncodeError:
        return False
    return True


def _annotate(doc: Doc, char_spans: Sequence[_CharSpan]) -> List[Tuple[str, str]]:
    """RETURNS (List[Tuple[str, str]]): Kind and text of the problems with the spans."""
    text = doc.text
    spans: List[Span] = []
    problems: List[Tuple[str, str]] = []
    doubtful: List[_CharSpan] = []
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
            doubtful.append(char_span)
    kept = filter_spans(spans)
    kept_ids = {id(span) for span in kept}
    for span in spans:
        if id(span) not in kept_ids:
            loser = _CharSpan(span.start_char, span.end_char, span.label_)
            problems.append((OVERLAP, loser.describe(text)))
            doubtful.append(loser)
    covered = {i for span in kept for i in range(span.start, span.end)}
    missing = {i for span in doubtful for i in _touched(doc, span)} - covered
    doc.set_ents(
        kept, missing=[doc[i : i + 1] for i in sorted(missing)], default="outside"
    )
    return problems


class _Boundaries:
    def __init__(self, doc: Doc) -> None:
        self.doc = doc
        self.starts = {token.idx: token.i for token in doc}
        self.ends = {token.idx + len(token): token.i + 1 for token in doc}

    def align(self, span: _CharSpan) -> Optional[Span]:
        start, end = self.starts.get(span.start), self.ends.get(span.end)
        if start is None or end is None or start >= end:
            return None
        return Span(self.doc, start, end, label=span.label)


def _trim(span: _CharSpan, text: str) -> _CharSpan:
    covered = text[max(span.start, 0) : max(span.end, 0)]
    start = span.start + len(covered) - len(covered.lstrip())
    return span._replace(start=start, end=start + len(covered.strip()))


def _find_fault(
    span: _CharSpan, trimmed: _CharSpan, aligned: Optional[Span], text: str
) -> Optional[str]:
    if span.start < 0 or max(span.start, span.end) > len(text):
        return OUT_OF_BOUNDS
    if trimmed.start >= trimmed.end:
        return EMPTY
    if aligned is None:
        return MISALIGNED
    return None if trimmed == span else WHITESPACE


def _touched(doc: Doc, span: _CharSpan) -> List[int]:
    """RETURNS (List[int]): The tokens that a span covers in part or wholly."""
    start, end = sorted((span.start, span.end))
    return [t.i for t in doc if t.idx < end and t.idx + len(t) > start]
