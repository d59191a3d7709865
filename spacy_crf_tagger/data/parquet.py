"""Read the rows of a Parquet file."""

import json
from typing import Any, Collection, Dict, Iterator, List

from .records import Record
from .source import Source, UnreadableError

_MARK = b"PAR1"
_ROWS = 1000  # in memory at once
_INSTALL = "pip install 'spacy-crf-tagger[parquet]'"


def is_parquet(source: Source) -> bool:
    """Find out whether a file is Parquet.

    source (Source): The file.
    RETURNS (bool): Whether it begins as such files do.
    """
    return source.head(len(_MARK)) == _MARK


def read_rows(source: Source, columns: Collection[str]) -> Iterator[Record]:
    """Read the rows of a Parquet file, some at a time.

    source (Source): The file.
    columns (Collection[str]): The columns to read, of which some may be there.
    YIELDS (Record): Each row as a dictionary; its line is its number, from 1.
    RAISES (UnreadableError): If the file is damaged or has none of the columns, or
        pyarrow is not installed.
    """
    file = _open(source)
    names: List[str] = file.schema_arrow.names
    wanted = [name for name in names if name in columns]
    if not wanted:
        raise UnreadableError(
            f"its columns are {', '.join(names)}. Of Parquet, tokens with tags are "
            f"read, in columns called {', '.join(columns)}"
        )
    number = 0
    for batch in _checked(file.iter_batches(batch_size=_ROWS, columns=wanted)):
        for row in batch.to_pylist():
            number += 1
            yield Record(number, f"row {number}", row)


def names_of_labels(source: Source, columns: Collection[str]) -> List[str]:
    """Find out what the numbers of labels stand for, as `datasets` notes it.

    source (Source): The file.
    columns (Collection[str]): The columns that may hold labels.
    RETURNS (List[str]): The names from 0; none if the file does not say.
    RAISES (UnreadableError): If the file is damaged, or pyarrow is not installed.
    """
    metadata: Dict[bytes, bytes] = _open(source).schema_arrow.metadata or {}
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        found = [_find_names(features[key]) for key in columns if key in features]
    except (KeyError, TypeError, ValueError):
        return []
    return next((names for names in found if names), [])


def _find_names(feature: Any) -> List[str]:
    """RETURNS (List[str]): The names that a feature has, or the one that it is a list
    of, in whatever version of `datasets` somebody wrote it.
    """
    if isinstance(feature, list) and feature:
        return _find_names(feature[0])
    if not isinstance(feature, dict):
        return []
    names = feature.get("names")
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return names
    return _find_names(feature.get("feature"))


def _open(source: Source) -> Any:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise UnreadableError(
            f"it is Parquet, which needs pyarrow: {_INSTALL}"
        ) from error
    try:
        return ParquetFile(source.binary())
    except (ArrowException, OSError) as error:
        raise UnreadableError(f"it is damaged Parquet: {error}") from error


def _checked(batches: Iterator[Any]) -> Iterator[Any]:
    from pyarrow import ArrowException

    try:
        yield from batches
    except (ArrowException, OSError) as error:
        raise UnreadableError(f"it is damaged Parquet: {error}") from error
