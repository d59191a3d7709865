"""Write annotated rows as JSON lines, Parquet or documents of spaCy."""

import json
from datetime import date, time
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Protocol

import numpy as np
from spacy.tokens import Doc, DocBin

from .inputs import Kind
from .parquet import schema_of_shapes
from .plan import DOCBIN_LISTS

if TYPE_CHECKING:
    import pyarrow as pa

# Where `doc.user_data` has the columns of a row.
COLUMNS = "columns"


class Writer(Protocol):
    """Collects annotated rows and writes them."""

    def add(
        self, columns: Mapping[str, Any], found: Mapping[str, Any], doc: Doc
    ) -> None:
        """Add a row.

        columns (Mapping[str, Any]): What was there.
        found (Mapping[str, Any]): The annotation.
        doc (Doc): The document.
        RAISES (ValueError): If the format cannot hold it; it is then left out.
        """

    def save(self, path: Path) -> None:
        """Write all rows.

        path (Path): The file.
        RAISES (OSError): If it cannot be written.
        """


class JsonlWriter:
    """Writes JSON lines."""

    def __init__(self) -> None:
        self._lines: List[bytes] = []

    def add(
        self, columns: Mapping[str, Any], found: Mapping[str, Any], doc: Doc
    ) -> None:
        """Add a row."""
        try:
            self._lines.append(to_json_line({**columns, **found}))
        except TypeError as error:
            raise ValueError(f"JSON cannot hold a column ({error})") from error

    def save(self, path: Path) -> None:
        """Write all rows."""
        with path.open("wb") as file:
            file.writelines(self._lines)


class ParquetWriter:
    """Writes Parquet.

    schema (Schema): The columns that were there.
    shapes (Mapping[str, Any]): The shapes of those of the annotation.
    """

    def __init__(self, schema: "pa.Schema", shapes: Mapping[str, Any]) -> None:
        self._before = schema
        self._after = schema_of_shapes(shapes)
        self._rows: List[Dict[str, Any]] = []

    @cached_property
    def _schema(self) -> "pa.Schema":
        import pyarrow as pa

        return pa.schema([*self._before, *self._after])

    def add(
        self, columns: Mapping[str, Any], found: Mapping[str, Any], doc: Doc
    ) -> None:
        """Add a row."""
        import pyarrow as pa

        unknown = sorted(set(columns) - set(self._before.names))
        if unknown:
            raise ValueError(
                f"Parquet has the columns of the first shard, among which "
                f"{', '.join(map(repr, unknown))} is not. Write JSON lines instead."
            )
        try:
            # Nothing but the columns that were there can be of another type.
            pa.Table.from_pylist([dict(columns)], schema=self._before)
        except pa.ArrowException as error:
            raise ValueError(
                f"Parquet has the types of the first shard, which this row does not "
                f"have ({error}). Write JSON lines instead."
            ) from error
        self._rows.append({**columns, **found})

    def save(self, path: Path) -> None:
        """Write all rows."""
        import pyarrow as pa
        from pyarrow import parquet

        parquet.write_table(pa.Table.from_pylist(self._rows, schema=self._schema), path)


class DocWriter:
    """Writes documents of spaCy, with the columns and what is no attribute of a
    document in `user_data`.

    text_field (str): The column that has the text, which documents have themselves.
    """

    def __init__(self, text_field: str) -> None:
        self._text_field = text_field
        self._docs = DocBin(store_user_data=True)

    def add(
        self, columns: Mapping[str, Any], found: Mapping[str, Any], doc: Doc
    ) -> None:
        """Add a row."""
        rest = {k: v for k, v in columns.items() if k != self._text_field}
        doc.user_data = {
            **{key: _plain(value) for key, value in doc.user_data.items()},
            COLUMNS: {**rest, **found},
        }
        n_docs = len(self._docs)
        try:
            self._docs.add(doc)
        except Exception as error:  # whatever a component has put there
            _cut(self._docs, n_docs)
            raise ValueError(f"spaCy cannot save the document ({error})") from error

    def save(self, path: Path) -> None:
        """Write all rows."""
        path.write_bytes(self._docs.to_bytes())


def make_writer(
    kind: Kind,
    text_field: str,
    shapes: Mapping[str, Any],
    schema: Optional["pa.Schema"] = None,
) -> Writer:
    """Make a writer.

    kind (Kind): What to write.
    text_field (str): The column that has the text.
    shapes (Mapping[str, Any]): The shapes of the columns of the annotation.
    schema (Optional[Schema]): The columns that were there, for Parquet.
    RETURNS (Writer): The writer.
    """
    if kind is Kind.spacy:
        return DocWriter(text_field)
    if kind is Kind.parquet:
        assert schema is not None
        return ParquetWriter(schema, shapes)
    return JsonlWriter()


def to_json_line(value: object) -> bytes:
    """Write a value as a line of JSON.

    value (object): The value. Dates become text in ISO format, and decimal numbers
        text.
    RETURNS (bytes): The line, with its end.
    RAISES (TypeError): If JSON has nothing for a value in it.
    """
    try:
        return f"{_encode(value)}\n".encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return f"{json.dumps(value, default=_to_json)}\n".encode("ascii")


def _to_json(value: object) -> str:
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"there is nothing in JSON for {value!r:.60}")


def _plain(value: object) -> object:
    """RETURNS (object): A value that MessagePack can hold, of a NumPy array a list."""
    return value.tolist() if isinstance(value, np.ndarray) else value


def _cut(docs: DocBin, n_docs: int) -> None:
    """Drop what a failed document has left."""
    for name in DOCBIN_LISTS:
        del getattr(docs, name)[n_docs:]


# Made once: `json.dumps` would make one for each row.
_encode = json.JSONEncoder(ensure_ascii=False, default=_to_json).encode
