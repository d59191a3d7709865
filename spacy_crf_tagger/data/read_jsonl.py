"""Read texts with labelled spans, one JSON object a line, as Prodigy exports them."""

from typing import Any, Dict, Iterator, Optional

from spacy.language import Language
from spacy.tokens import Doc

from .foreign import find_annotation, find_spans
from .reading import Lines, Log, Problem
from .texts import BAD_SPAN, BAD_TEXT, NOT_AN_OBJECT, Marks, is_usable, parse_object

BAD_ANSWER = "unknown answer"
OTHER_FORMAT = 'no "spans", but annotation of another format'
NO_SPANS = 'Read lines without "spans" as not annotated (see --no-spans)'

ACCEPT = "accept"
LEFT_OUT = ("ignore", "reject")


def read_jsonl(
    lines: Lines,
    nlp: Language,
    log: Log,
    *,
    no_spans_is_outside: bool = False,
    spans_key: Optional[str] = None,
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
    spans_key (Optional[str]): The span group that gets all spans, overlapping or not.
    YIELDS (Doc): The documents, one for each line whose text can be read.
    """
    for number, line in lines():
        if not line.strip():
            continue
        record = parse_object(line)
        if record is None:
            log.lose(Problem(number, NOT_AN_OBJECT, repr(line)))
            continue
        answer = record.get("answer")
        if isinstance(answer, str) and answer in LEFT_OUT:
            log.leave_out(answer, number)
            continue
        text = record.get("text")
        if not is_usable(text):
            name = find_annotation(record)
            hint = "" if name is None else f"; {name}"
            log.lose(Problem(number, BAD_TEXT, f"{record!r:.60}{hint}"))
            continue
        doc = nlp.tokenizer(str(text))
        marks = Marks(doc.text, number, log, spans_key=spans_key)
        try:
            is_known = _check_spans(record, no_spans_is_outside)
        except _UnknownAnnotationError as error:
            marks.doubt(error.kind, error.text)
        else:
            if is_known:
                _add_spans(record, marks)
            else:
                log.note(NO_SPANS, number)
                marks.leave_open()
        yield marks.apply(doc)


class _UnknownAnnotationError(Exception):
    """There is a text, but nobody knows what is annotated in it."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(kind)
        self.kind = kind
        self.text = text


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


def _add_spans(record: Dict[str, Any], marks: Marks) -> None:
    for span in record.get("spans") or []:
        values = span
        if isinstance(span, list):
            # Malformed, but it has an extent.
            values = dict(zip(("start", "end"), span, strict=False))
        elif not isinstance(span, dict):
            values = {}
        start, end, label = (values.get(key) for key in ("start", "end", "label"))
        marks.add(start, end, label, span)
