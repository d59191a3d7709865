"""Read texts with labelled spans as Doccano exports them."""

from typing import Any, Dict, Iterator, Optional

from spacy.language import Language
from spacy.tokens import Doc

from .foreign import find_annotation
from .reading import Log, Problem
from .records import read_records
from .source import Source
from .texts import BAD_SPAN, BAD_TEXT, NOT_AN_OBJECT, Marks, is_usable

OTHER_FORMAT = "no list of labels, but annotation of another format"
NO_LABELS = "Read texts without a list of labels as not annotated (see --no-spans)"

KEYS = ("label", "labels", "entities")


def read_doccano(
    source: Source,
    nlp: Language,
    log: Log,
    *,
    no_spans_is_outside: bool = False,
    spans_key: Optional[str] = None,
) -> Iterator[Doc]:
    """Read objects with a `text` and either `label` or `labels`, lists of start, end
    and label, or `entities`, objects with `start_offset`, `end_offset` and `label`. An
    empty list means that there are no entities: Doccano does not say whether somebody
    has looked. Relations and other keys are ignored.

    source (Source): The file: one object a line, or an array of them.
    nlp (Language): The pipeline whose tokenizer is used.
    log (Log): Where to report what could not be read; its tokens are missing.
    no_spans_is_outside (bool): Whether texts without any list have no entities.
    spans_key (Optional[str]): The span group that gets all spans, overlapping or not.
    YIELDS (Doc): The documents, one for each text that can be read.
    RAISES (UnreadableError): If the file cannot be read.
    """
    for line, name, record in read_records(source, log):
        where = f"{name}: " if name else ""
        if not isinstance(record, dict):
            log.lose(Problem(line, NOT_AN_OBJECT, f"{where}{record!r:.60}"))
            continue
        # Doccano 1.2 to 1.4 called it data.
        text = record.get("text", record.get("data"))
        if not is_usable(text):
            log.lose(Problem(line, BAD_TEXT, f"{where}{record!r:.60}"))
            continue
        doc = nlp.tokenizer(str(text))
        marks = Marks(doc.text, line, log, name, spans_key=spans_key)
        if not _add_all(record, marks) and not no_spans_is_outside:
            log.note(NO_LABELS, line)
            marks.leave_open()
        yield marks.apply(doc)


def _add_all(record: Dict[str, Any], marks: Marks) -> bool:
    """RETURNS (bool): Whether the text is annotated, or somebody tried."""
    lists = [record[key] for key in KEYS if record.get(key) is not None]
    if not lists:
        others = {key: value for key, value in record.items() if key != "data"}
        name = find_annotation(others)
        if record.get("spans") is not None:
            name = "'spans' is there, as Prodigy writes it"
        if name is not None:
            marks.doubt(OTHER_FORMAT, name)
        return name is not None
    for spans in lists:
        if not isinstance(spans, list):
            marks.doubt(BAD_SPAN, repr(spans))
            continue
        for span in spans:
            _add(span, marks)
    return True


def _add(span: object, marks: Marks) -> None:
    start: object = None
    end: object = None
    label: Optional[object] = None
    if isinstance(span, list):
        start, end, label = (*span, None, None, None)[:3]
    elif isinstance(span, dict):
        start, end = span.get("start_offset"), span.get("end_offset")
        label = span.get("label")
    marks.add(start, end, label, span)
