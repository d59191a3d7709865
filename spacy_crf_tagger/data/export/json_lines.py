"""Write texts with spans as JSON: for Prodigy and for Doccano."""

import json
from typing import Any, Dict, Iterable, Iterator, List

from .annotation import Annotated, Holds, LabelledSpan

PRODIGY_HOLDS = Holds(scores=True, notes=True)
DOCCANO_HOLDS = Holds(notes=True)


def prodigy_lines(documents: Iterable[Annotated]) -> Iterator[str]:
    """Write the lines that Prodigy's `db-in` and its recipes read: `text`, `tokens`,
    and `spans` unless nobody has annotated the text.

    documents (Iterable[Annotated]): The documents.
    YIELDS (str): The lines, with their ends.
    """
    for document in documents:
        yield dump(prodigy_task(document)) + "\n"


def prodigy_task(document: Annotated) -> Dict[str, Any]:
    """Make a task of Prodigy.

    document (Annotated): A document.
    RETURNS (Dict[str, Any]): What a line has of it.
    """
    record: Dict[str, Any] = {
        "text": document.doc.text,
        "tokens": [
            {
                "text": token.text,
                "start": token.idx,
                "end": token.idx + len(token),
                "id": token.i,
                "ws": bool(token.whitespace_),
            }
            for token in document.doc
        ],
    }
    if document.is_annotated:
        record["spans"] = [_prodigy_span(span) for span in document.spans]
    if document.notes:
        record["meta"] = dict(document.notes)  # Prodigy shows it below the text
    return record


def doccano_lines(documents: Iterable[Annotated]) -> Iterator[str]:
    """Write the lines that Doccano imports as JSONL for sequence labelling: `text`, and
    `label` unless nobody has annotated the text.

    documents (Iterable[Annotated]): The documents.
    YIELDS (str): The lines, with their ends.
    """
    for number, document in enumerate(documents, start=1):
        record: Dict[str, Any] = {"id": number, "text": document.doc.text}
        if document.is_annotated:
            spans: List[List[Any]] = [
                [span.start_char, span.end_char, span.label] for span in document.spans
            ]
            record["label"] = spans
        # What it does not know is metadata to Doccano.
        record.update(document.notes)
        yield dump(record) + "\n"


def dump(value: object) -> str:
    """Write JSON in one line.

    value (object): What to write.
    RETURNS (str): The line, without its end.
    """
    return json.dumps(value, ensure_ascii=False)


def _prodigy_span(span: LabelledSpan) -> Dict[str, Any]:
    values: Dict[str, Any] = {
        "start": span.start_char,
        "end": span.end_char,
        "token_start": span.start,
        "token_end": span.end - 1,
        "label": span.label,
    }
    if span.score is not None:
        values["score"] = span.score
    return values
