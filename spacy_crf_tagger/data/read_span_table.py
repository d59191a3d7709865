"""Read spans from a table, and the texts from the files beside it."""

from typing import Dict, Iterator, List, Optional, Union

from spacy.language import Language
from spacy.tokens import Doc

from .reading import Log, Problem
from .source import Source, UnreadableError
from .span_table import Row, find_texts, read_rows_by_text, read_texts
from .texts import Marks

NO_ROWS = "Read texts without a row as not annotated (see --no-spans)"
NO_TEXT = "spans of a text that is not there"
REPEATED = "id of an earlier text"


def read_span_table(
    source: Source,
    nlp: Language,
    log: Log,
    *,
    no_spans_is_outside: bool = False,
    spans_key: Optional[str] = None,
) -> Iterator[Doc]:
    """Read a table with `doc_id`, `start`, `end` and `label`, one span a row, separated
    by commas, semicolons or tabs. The texts are in the folder of the table: in another
    table or in JSON lines with `doc_id` and `text`, or in `.txt` files whose names are
    the ids. A row without start, end and label means that somebody has looked at the
    text. If a column `text` has what a span covers, it is checked.

    source (Source): The table.
    nlp (Language): The pipeline whose tokenizer is used.
    log (Log): Where to report what could not be read; its tokens are missing.
    no_spans_is_outside (bool): Whether texts without a row have no entities.
    spans_key (Optional[str]): The span group that gets all spans, overlapping or not.
    YIELDS (Doc): The documents, in the order of the texts.
    RAISES (UnreadableError): If the table or a text cannot be read, or there is none.
    """
    own_path = log.path
    rows = read_rows_by_text(source)
    paths = find_texts(source.path)
    if not paths:
        raise UnreadableError(
            "there are no texts beside it. Put texts.csv or texts.jsonl with doc_id "
            "and text into its folder, or a .txt file for each doc_id"
        )
    ids: Dict[str, Optional[str]] = {}
    for text in read_texts(paths, log):
        key = _find_key(text.key, rows)
        is_repeated = text.key in ids
        ids[text.key] = key
        doc = nlp.tokenizer(text.text)
        log.path = source.path
        marks = Marks(text.text, 1, log, text.key, spans_key=spans_key)
        if is_repeated:
            log.path = text.path
            marks.doubt(REPEATED, repr(text.key), line=text.line)
        elif key is None:
            if not no_spans_is_outside:
                log.path = text.path
                log.note(NO_ROWS, text.line)
                marks.leave_open()
        else:
            _add_all(rows[key], marks)
        log.path = source.path
        yield marks.apply(doc)
    log.path = source.path
    known = set(ids.values())
    for key, spans in rows.items():
        if key not in known:
            log.lose(Problem(spans[0].line, NO_TEXT, repr(key)))
    log.path = own_path


def _find_key(name: str, rows: Dict[str, List[Row]]) -> Optional[str]:
    """RETURNS (Optional[str]): What the table calls a text: with the ending of the file
    or without.
    """
    return next((key for key in (name, f"{name}.txt") if key in rows), None)


def _add_all(rows: List[Row], marks: Marks) -> None:
    for row in rows:
        if not row.is_empty:
            culprit = ",".join((row.start, row.end, row.label))
            marks.add(
                _offset(row.start),
                _offset(row.end),
                row.label,
                culprit,
                covered=row.covered,
                line=row.line,
            )


def _offset(cell: str) -> Union[int, str]:
    try:
        return int(cell)
    except ValueError:
        return cell
