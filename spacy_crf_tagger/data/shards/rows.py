"""Read the rows of a shard, each with its text and the columns that it has."""

import json
from functools import lru_cache
from typing import Any, Callable, Dict, Iterator, NamedTuple, Optional, Union

from spacy.language import Language
from spacy.tokens import Doc, DocBin

from .inputs import Kind
from .parquet import read_rows as read_parquet_rows
from .plan import DOCBIN_LISTS, Piece, read_bytes, read_docbin

_MARK = "\ufeff"


class Row(NamedTuple):
    """A text that is to be annotated.

    name (str): What the user calls its file.
    number (int): Its line, or which row of the file it is, from 1.
    columns (Dict[str, Any]): All that the input says of it, the text included.
    make_doc (Callable[[], Doc]): Makes a new document of it.
    """

    name: str
    number: int
    columns: Dict[str, Any]
    make_doc: Callable[[], Doc]


class Failure(NamedTuple):
    """A row that could not be annotated.

    name (str): What the user calls its file.
    number (int): Its line, or which row of the file it is, from 1.
    error (str): What went wrong.
    record (Any): All that the input says of it; a line as it is if nothing can be
        read from it.
    """

    name: str
    number: int
    error: str
    record: Any


def read_rows(
    piece: Piece, text_field: str, nlp: Language
) -> Iterator[Union[Row, Failure]]:
    """Read rows. Empty lines are passed over.

    piece (Piece): Where they are.
    text_field (str): The column that has the text.
    nlp (Language): The pipeline whose tokenizer makes documents.
    YIELDS (Union[Row, Failure]): The rows, and those of which no text can be had.
    RAISES (UnreadableError): If the file cannot be read.
    """
    if piece.kind is Kind.spacy:
        yield from _read_docs(piece, text_field, nlp)
    elif piece.kind is Kind.parquet:
        _, _, name, first, start, stop, group = piece
        columns_of_rows = read_parquet_rows(piece.path, group, start, stop)
        for number, columns in enumerate(columns_of_rows, start=first):
            yield _to_row(name, number, columns, text_field, nlp)
    else:
        yield from _read_lines(piece, text_field, nlp)


def _read_lines(
    piece: Piece, text_field: str, nlp: Language
) -> Iterator[Union[Row, Failure]]:
    lines = read_bytes(piece).split(b"\n")
    for number, content in enumerate(lines, start=piece.first_row):
        if not content or content.isspace():
            continue
        try:
            line = content.decode("utf8").rstrip("\r").lstrip(_MARK)
        except UnicodeDecodeError as error:
            shown = content.decode("utf8", "backslashreplace")
            message = f"the line is not UTF-8 ({error})"
            yield Failure(piece.name, number, message, shown)
            continue
        if piece.kind is Kind.txt:
            columns: Any = {text_field: line}
        else:
            try:
                columns = json.loads(line)
            except (ValueError, RecursionError) as error:
                message = f"the line is no JSON ({error})"
                yield Failure(piece.name, number, message, line)
                continue
        yield _to_row(piece.name, number, columns, text_field, nlp)


def _to_row(
    name: str, number: int, columns: Any, text_field: str, nlp: Language
) -> Union[Row, Failure]:
    error = find_fault(columns, text_field)
    if error is not None:
        return Failure(name, number, error, columns)
    text = columns[text_field]
    return Row(name, number, columns, lambda: nlp.make_doc(text))


def find_fault(columns: Any, text_field: str) -> Optional[str]:
    """Find out why a row has no text.

    columns (Any): What the input says of it.
    text_field (str): The column that has the text.
    RETURNS (Optional[str]): What is wrong; None if it has one.
    """
    if not isinstance(columns, dict):
        return "the line is no JSON object"
    if text_field not in columns:
        names = ", ".join(map(repr, columns))
        return f"there is no column {text_field!r}, only {names or 'an empty object'}"
    text = columns[text_field]
    if not isinstance(text, str):
        return f"column {text_field!r} holds no text, but {text!r:.60}"
    try:
        text.encode("utf8")
    except UnicodeEncodeError:
        return f"column {text_field!r} holds half of a surrogate pair, which is no text"
    return None


def _read_docs(piece: Piece, text_field: str, nlp: Language) -> Iterator[Row]:
    whole = _load_docbin(piece.path)
    for string in whole.strings:
        nlp.vocab.strings.add(string)
    for offset, position in enumerate(range(piece.start, piece.stop)):
        make_doc = _Maker(whole, position, nlp)
        columns = {text_field: make_doc.text}
        yield Row(piece.name, piece.first_row + offset, columns, make_doc)


class _Maker:
    """Makes a document of a DocBin as often as it is wanted. The words of the DocBin
    must be in the vocabulary.
    """

    def __init__(self, whole: DocBin, position: int, nlp: Language) -> None:
        self._part = DocBin(whole.attrs)
        one = slice(position, position + 1)
        for name in DOCBIN_LISTS:
            setattr(self._part, name, getattr(whole, name)[one])
        self._vocab = nlp.vocab
        self._first: Optional[Doc] = self._make()
        self.text = self._first.text

    def __call__(self) -> Doc:
        doc, self._first = self._first, None
        return self._make() if doc is None else doc

    def _make(self) -> Doc:
        [doc] = self._part.get_docs(self._vocab)
        return doc


# Shards that follow each other are mostly of one file.
@lru_cache(maxsize=1)
def _load_docbin(path: str) -> DocBin:
    return read_docbin(path)
