"""Read texts with labelled spans, one JSON object a line, as Prodigy exports them."""

import json
from typing import Any, Dict, Iterator, List, Tuple

from spacy.language import Language
from spacy.tokens import Doc

from .foreign import find_annotation, find_spans
from .invisible import clean_label
from .reading import Lines, Log, Problem
from .spans import CharSpan, guess_extent, set_entities

NOT_AN_OBJECT = "not a JSON object"
BAD_ANSWER = "unknown answer"
BAD_TEXT = "missing, empty or invalid text"
BAD_SPAN = "malformed span"
OTHER_FORMAT = 'no "spans", but annotation of another format'
NO_SPANS = 'Read lines without "spans" as not annotated (see --no-spans)'
TRIMMED = "Read labels without the invisible characters around them, composed (NFC)"

ACCEPT = "accept"
LEFT_OUT = ("ignore", "reject")


def read_jsonl(
    lines: Lines, nlp: Language, log: Log, *, no_spans_is_outside: bool = False
) -> Iterator[Doc]:
    """Read one JSON object a line: `text`, `spans` with `start`, `end` (in characters)
    and `label`, and optionally `answer`. Other keys are ignored. Lines that somebody
    rejected or ignored are left out. An empty list of spans means that there are no
    entities, and so does none at all in a line with the answer `accept`; in others it
    means that nobody has annotated them.

    lines (Callable[[], Iterator[Tuple[int, str]]]): Gives the numbered lines.
    nlp (Language): The pipeline whose tokenizer is used.
    log (Log): Where to report what could not be read. Tokens that may belong to spans
        that could not be used have missing annotation, where they belong to no other.
    no_spans_is_outside (bool): Whether lines without `spans` have no entities, whoever
        accepted them.
    YIELDS (Doc): The documents, one for each line whose text can be read.
    """
    for number, line in lines():
        if not line.strip():
            continue
        try:
            record = _parse_object(line)
            answer = record.get("answer")
            if isinstance(answer, str) and answer in LEFT_OUT:
                log.leave_out(answer, number)
                continue
            doc = nlp.tokenizer(_parse_text(record))
        except _LostLineError as error:
            log.report(Problem(number, error.kind, error.text))
            log.lost.add(number)
            continue
        try:
            is_known = _check_spans(record, no_spans_is_outside)
        except _UnknownAnnotationError as error:
            log.report(Problem(number, error.kind, error.text))
            is_known = False
        else:
            if not is_known:
                log.note(NO_SPANS, number)
        spans: List[CharSpan] = []
        unknown = [(0, len(doc.text))]
        if is_known:
            spans, unknown = _parse_spans(record, len(doc.text), number, log)
        for kind, culprit in set_entities(doc, spans, unknown):
            log.report(Problem(number, kind, culprit))
        yield doc


class _MalformedError(Exception):
    def __init__(self, kind: str, culprit: object) -> None:
        super().__init__(kind)
        self.kind = kind
        self.text = culprit if isinstance(culprit, str) else repr(culprit)


class _LostLineError(_MalformedError):
    """There is no text."""


class _UnknownAnnotationError(_MalformedError):
    """There is a text, but nobody knows what is annotated in it."""


def _parse_object(line: str) -> Dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _LostLineError(NOT_AN_OBJECT, repr(line)) from error
    if not isinstance(record, dict):
        raise _LostLineError(NOT_AN_OBJECT, repr(line))
    return record


def _parse_text(record: Dict[str, Any]) -> str:
    text = record.get("text")
    if not _is_usable(text):
        name = find_annotation(record)
        hint = "" if name is None else f"; {name}"
        raise _LostLineError(BAD_TEXT, f"{record!r:.60}{hint}")
    return str(text)


def _check_spans(record: Dict[str, Any], no_spans_is_outside: bool) -> bool:
    """RETURNS (bool): Whether the text is annotated.
    RAISES (_UnknownAnnotationError): If it is, but nobody knows how.
    """
    answer = record.get("answer")
    if answer is not None and answer != ACCEPT:
        raise _UnknownAnnotationError(BAD_ANSWER, repr(answer))
    spans = record.get("spans")
    if spans is None:
        name = find_annotation(record)
        if name is not None:
            raise _UnknownAnnotationError(OTHER_FORMAT, name)
        return no_spans_is_outside or answer == ACCEPT
    if not isinstance(spans, list):
        raise _UnknownAnnotationError(BAD_SPAN, repr(spans))
    name = None if spans else find_spans(record)
    if name is not None:
        raise _UnknownAnnotationError(OTHER_FORMAT, f'"spans" is empty, but {name}')
    return True


def _parse_spans(
    record: Dict[str, Any], length: int, line: int, log: Log
) -> Tuple[List[CharSpan], List[Tuple[int, int]]]:
    """RETURNS (Tuple): The spans, and what those that are malformed may cover."""
    spans: List[CharSpan] = []
    unknown: List[Tuple[int, int]] = []
    for span in record.get("spans") or []:
        values = span if isinstance(span, dict) else {}
        start, end, label = (values.get(key) for key in CharSpan._fields)
        cleaned = clean_label(str(label)) if _is_usable(label) else ""
        # Not isinstance: true and false are no offsets.
        if type(start) is not int or type(end) is not int or not cleaned:
            log.report(Problem(line, BAD_SPAN, repr(span)))
            unknown.append(guess_extent(span, length))
            continue
        if cleaned != label:
            log.note(TRIMMED, line)
        log.see_label(cleaned, line)
        spans.append(CharSpan(start, end, cleaned))
    return spans, unknown


def _is_usable(value: Any) -> bool:
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
