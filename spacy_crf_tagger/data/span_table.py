"""Tables of spans, one a row, and the texts beside them."""

import csv
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from .reading import Log, Problem
from .records import read_records
from .source import Source, UnreadableError, open_source
from .texts import BAD_TEXT, is_usable, parse_object

BAD_RECORD = "record without an id and a text"

TABLES = (".csv", ".tsv")
LINES = (".jsonl", ".ndjson")
TEXT = ".txt"
_IDS = ("doc_id", "document_id", "document", "doc", "file", "filename", "id")
_STARTS = ("start", "start_offset", "start_char", "begin")
_ENDS = ("end", "end_offset", "end_char")
_LABELS = ("label", "entity_label", "tag", "type")
_TEXTS = ("text", "covered_text", "span_text", "entity")
_NAME = "texts"  # of a file with the texts
_DELIMITERS = ",;\t|"


class Row(NamedTuple):
    """A span, as it is written.

    line (int): Its line.
    start (str): Its first character.
    end (str): The character after its last.
    label (str): Its label.
    covered (Optional[str]): The text that it covers, if there is such a column.
    """

    line: int
    start: str
    end: str
    label: str
    covered: Optional[str]

    @property
    def is_empty(self) -> bool:
        """RETURNS (bool): Whether it only says that somebody looked at a text."""
        return not (self.start or self.end or self.label)


class Text(NamedTuple):
    """A text.

    path (Path): The file that it is from.
    line (int): Its line.
    key (str): What the table calls it.
    text (str): The text.
    """

    path: Path
    line: int
    key: str
    text: str


class _Header(NamedTuple):
    delimiter: str
    columns: List[str]

    def find(self, names: Tuple[str, ...]) -> Optional[int]:
        """RETURNS (Optional[int]): The column that has one of some names."""
        return next((self.columns.index(n) for n in names if n in self.columns), None)


def is_span_table(first_line: str) -> bool:
    """Find out whether a file is a table of spans.

    first_line (str): Its first line.
    RETURNS (bool): Whether there are columns for documents, starts, ends and labels.
    """
    header = _parse_header(first_line)
    wanted = (_IDS, _STARTS, _ENDS, _LABELS)
    return header is not None and all(header.find(x) is not None for x in wanted)


def read_rows_by_text(source: Source) -> Dict[str, List[Row]]:
    """Read a table of spans, which is in memory then.

    source (Source): The table.
    RETURNS (Dict[str, List[Row]]): The spans of each document.
    RAISES (UnreadableError): If it lacks a column, or is broken.
    """
    header, rows = _open_table(source)
    columns = [header.find(names) for names in (_IDS, _STARTS, _ENDS, _LABELS)]
    if None in columns:
        raise UnreadableError(
            f"its columns are {', '.join(header.columns)}. It must have doc_id, start, "
            "end and label"
        )
    covered = header.find(_TEXTS)
    found: Dict[str, List[Row]] = {}
    for line, cells in rows:
        key, start, end, label = (_cell(cells, column).strip() for column in columns)
        text = None if covered is None else _cell(cells, covered) or None
        found.setdefault(key, []).append(Row(line, start, end, label, text))
    return found


def find_texts(table: Path) -> List[Path]:
    """Find the files beside a table of spans that may have its texts.

    table (Path): The table.
    RETURNS (List[Path]): Tables and JSON lines with an id and a text, only those called
        `texts` if there are any, or else files of text, by their names.
    """
    beside = sorted(
        path
        for path in table.parent.iterdir()
        if path.is_file() and path.name[0] != "." and path != table
    )
    found = [path for path in beside if _has_texts(path)]
    named = [path for path in found if path.stem.lower() == _NAME]
    return named or found or [x for x in beside if x.suffix.lower() == TEXT]


def read_texts(paths: List[Path], log: Log) -> Iterator[Text]:
    """Read the texts of files.

    paths (List[Path]): The files.
    log (Log): Where to report what is no text.
    YIELDS (Text): The texts.
    RAISES (UnreadableError): If a file cannot be read.
    """
    for path in paths:
        with open_source(path) as source:
            log.path = path
            if path.suffix.lower() == TEXT:
                text = _decode(source)
                if is_usable(text):
                    yield Text(path, 1, path.stem, text)
                else:
                    log.lose(Problem(1, BAD_TEXT, repr(text)))
            elif path.suffix.lower() in LINES:
                yield from _read_lines(source, log)
            else:
                yield from _read_table(source, log)


def _has_texts(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix not in (*TABLES, *LINES):
        return False
    if path.stem.lower() == _NAME:
        return True
    try:
        with open_source(path) as source:
            first = next((line for _, line in source.lines() if line.strip()), "")
    except UnreadableError:  # whatever it is
        return False
    if suffix in LINES:
        return _parse_text(parse_object(first)) is not None
    header = None if is_span_table(first) else _parse_header(first)
    wanted = (_IDS, _TEXTS[:1])
    return header is not None and all(header.find(x) is not None for x in wanted)


def _read_lines(source: Source, log: Log) -> Iterator[Text]:
    for line, _, value in read_records(source, log):
        found = _parse_text(value)
        if found is None:
            log.lose(Problem(line, BAD_RECORD, f"{value!r:.60}"))
        else:
            yield Text(source.path, line, *found)


def _parse_text(value: object) -> Optional[Tuple[str, str]]:
    """RETURNS (Optional[Tuple[str, str]]): The id and the text of a record."""
    if not isinstance(value, dict):
        return None
    keys = [value[name] for name in _IDS if value.get(name) is not None]
    text = value.get("text")
    return (str(keys[0]), str(text)) if keys and is_usable(text) else None


def _read_table(source: Source, log: Log) -> Iterator[Text]:
    header, rows = _open_table(source)
    key_column, text_column = header.find(_IDS), header.find(_TEXTS[:1])
    for line, cells in rows:
        key, text = _cell(cells, key_column).strip(), _cell(cells, text_column)
        if not key or not is_usable(text):
            log.lose(Problem(line, BAD_RECORD, f"{cells!r:.60}"))
        else:
            yield Text(source.path, line, key, text)


def _decode(source: Source) -> str:
    try:
        return source.content().decode("utf-8-sig")
    except UnicodeDecodeError:
        # Says which line.
        list(source.lines())
        raise


def _open_table(source: Source) -> Tuple[_Header, Iterator[Tuple[int, List[str]]]]:
    lines = source.lines()
    first = next((line for _, line in lines if line.strip()), "")
    header = _parse_header(first)
    if header is None:
        raise UnreadableError(f"its first line does not name columns: {first!r:.60}")
    return header, _rows(source, header.delimiter)


def _rows(source: Source, delimiter: str) -> Iterator[Tuple[int, List[str]]]:
    # Quoted cells may hold line ends.
    lines = (f"{line}\n" for _, line in source.lines())
    reader = csv.reader(lines, delimiter=delimiter)
    is_header = True
    try:
        line = 1
        for cells in reader:
            if any(cells) and not is_header:
                yield line, cells
            is_header = is_header and not any(cells)
            line = reader.line_num + 1
    except csv.Error as error:
        raise UnreadableError(f"line {reader.line_num}: {error}") from error


def _parse_header(line: str) -> Optional[_Header]:
    for delimiter in _DELIMITERS:
        columns = [cell.strip().strip('"').lower() for cell in line.split(delimiter)]
        if len(columns) > 1 and any(name in columns for name in _IDS):
            return _Header(delimiter, columns)
    return None


def _cell(cells: List[str], column: Optional[int]) -> str:
    return cells[column] if column is not None and column < len(cells) else ""
