"""Read and write Parquet, by the extra `parquet`."""

from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Sequence, Tuple

from ..source import UnreadableError

if TYPE_CHECKING:
    import pyarrow as pa

MISSING = (
    "Parquet needs pyarrow, which is not installed: "
    "pip install 'spacy-crf-tagger[parquet]'"
)


def require_pyarrow() -> None:
    """Check that pyarrow is installed.

    RAISES (ValueError): If it is not.
    """
    if find_spec("pyarrow") is None:
        raise ValueError(MISSING)


def row_groups(path: str) -> List[Tuple[int, int]]:
    """Look up the row groups of a file.

    path (str): The file.
    RETURNS (List[Tuple[int, int]]): How many rows and bytes each has.
    RAISES (UnreadableError): If it is no Parquet.
    """
    metadata = _open(path).metadata
    groups = [metadata.row_group(n) for n in range(metadata.num_row_groups)]
    return [(group.num_rows, group.total_byte_size) for group in groups]


def read_rows(path: str, group: int, start: int, stop: int) -> Iterator[Dict[str, Any]]:
    """Read rows of a row group.

    path (str): The file.
    group (int): The row group.
    start (int): The first row in it, from 0.
    stop (int): The row after the last.
    YIELDS (Dict[str, Any]): The values of each row by column.
    RAISES (UnreadableError): If they cannot be read.
    """
    rows: List[Dict[str, Any]] = _read_group(path, group)[start:stop].to_pylist()
    yield from rows


# Shards that follow each other are mostly of one group.
@lru_cache(maxsize=1)
def _read_group(path: str, group: int) -> "pa.Table":
    import pyarrow as pa

    try:
        return _open(path).read_row_group(group)
    except pa.ArrowException as error:
        raise UnreadableError(f"row group {group} is damaged ({error})") from error


def _open(path: str) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return parquet.ParquetFile(path)
    except pa.ArrowException as error:
        raise UnreadableError(f"it is no Parquet, or damaged ({error})") from error


def schema_of_file(path: str) -> "pa.Schema":
    """RETURNS (Schema): The columns of a file."""
    return _open(path).schema_arrow.remove_metadata()


def schema_of_rows(rows: Sequence[Mapping[str, Any]]) -> "pa.Schema":
    """Find types for the columns of rows.

    rows (Sequence[Mapping[str, Any]]): The rows.
    RETURNS (Schema): A type for each column. What has no value in any is text.
    RAISES (ValueError): If rows have values of several types in a column.
    """
    import pyarrow as pa

    names = list(dict.fromkeys(name for row in rows for name in row))
    fields = []
    for name in names:
        try:
            kind = pa.array([row.get(name) for row in rows]).type
        except pa.ArrowException as error:
            raise ValueError(
                f"column {name!r} holds values of several types, which Parquet cannot "
                f"({error}). Write JSON lines instead."
            ) from error
        fields.append(pa.field(name, pa.string() if pa.types.is_null(kind) else kind))
    return pa.schema(fields)


def schema_of_shapes(shapes: Mapping[str, Any]) -> "pa.Schema":
    """Make types of the shapes of columns: `str`, `int` or `float`, a list with the
    shape of its items, or a dictionary with that of each value.

    shapes (Mapping[str, Any]): The shape of each column.
    RETURNS (Schema): The type of each column.
    """
    import pyarrow as pa

    def to_type(shape: Any) -> Any:
        if isinstance(shape, list):
            return pa.list_(to_type(shape[0]))
        if isinstance(shape, dict):
            return pa.struct([(key, to_type(value)) for key, value in shape.items()])
        return {str: pa.string(), int: pa.int64(), float: pa.float64()}[shape]

    return pa.schema([(name, to_type(shape)) for name, shape in shapes.items()])
