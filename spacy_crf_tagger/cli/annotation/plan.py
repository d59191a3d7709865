"""What a run is about to do: checks before it starts, and what its manifest says."""

import hashlib
import shutil
import sys
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Sequence, Union

import spacy
from spacy.language import Language

from ...data.shards import parquet
from ...data.shards.folder import RunFolder
from ...data.shards.inputs import STANDARD_INPUT, Input, Kind, find_inputs
from ...data.shards.plan import Shard, cut_into_shards, file_digest
from ...data.shards.rows import Failure, Row, read_rows
from ...data.source import UnreadableError
from .columns import Shapes
from .settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

# A pipeline of other versions may find something else.
_VERSIONS = ("spacy", "spacy-crf-tagger")
_TYPED_ROWS = 1000
_PIPED = ".standard-input"


@contextmanager
def opened_inputs(
    names: Sequence[str], kind: Optional[Kind], folder: RunFolder
) -> Iterator[List[Input]]:
    """Find the inputs of a run. Standard input is copied into its folder, so that it
    can be read more than once, and the copy is deleted afterwards.

    names (Sequence[str]): What the user names.
    kind (Optional[Kind]): What they are, if their names do not tell.
    folder (RunFolder): The folder of the run.
    YIELDS (List[Input]): The inputs.
    RAISES (UnreadableError): If one cannot be found.
    RAISES (OSError): If standard input cannot be copied.
    """
    files = [name for name in names if name != STANDARD_INPUT]
    if len(files) == len(names):
        yield find_inputs(files, kind)
        return
    if files:
        raise UnreadableError("standard input cannot be one of several inputs").of(
            Path(STANDARD_INPUT)
        )
    copy = folder.path / _PIPED
    try:
        with copy.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
        yield [Input(str(copy.absolute()), kind or _sniff(copy), STANDARD_INPUT)]
    finally:
        copy.unlink(missing_ok=True)


def _sniff(path: Path) -> Kind:
    with path.open("rb") as file:
        start = file.read(1 << 16).removeprefix(b"\xef\xbb\xbf").lstrip()
    return Kind.jsonl if start.startswith(b"{") else Kind.txt


def describe_run(
    nlp: Language,
    pipeline: str,
    inputs: Sequence[Input],
    settings: Settings,
    kind: Kind,
    shard_rows: int,
) -> Dict[str, Any]:
    """Say what a run does, as far as its output depends on it.

    nlp (Language): The pipeline.
    pipeline (str): What the user calls it.
    inputs (Sequence[Input]): What is annotated.
    settings (Settings): What is written.
    kind (Kind): What it is written as.
    shard_rows (int): How many rows a shard has.
    RETURNS (Dict[str, Any]): The beginning of the manifest.
    """
    return {
        "pipeline": {
            "name": pipeline,
            "digest": digest_of_pipeline(nlp),
            "versions": {name: version(name) for name in _VERSIONS},
        },
        "inputs": [
            {"name": each.name, "kind": each.kind.value, "bytes": each.size}
            for each in inputs
        ],
        "settings": {
            **asdict(settings),
            "format": kind.value,
            "shard_rows": shard_rows,
        },
    }


def digest_of_pipeline(nlp: Language) -> str:
    """Compute the checksum of all files of a pipeline.

    nlp (Language): The pipeline, loaded from a path or a package.
    RETURNS (str): The checksum.
    """
    folder = nlp.path
    assert folder is not None
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{path.relative_to(folder)} {file_digest(path)}\n" for path in files]
    return _digest("".join(lines))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf8"), digest_size=16).hexdigest()


def check_first_rows(
    inputs: Sequence[Input], settings: Settings, shapes: Shapes, shard_rows: int
) -> List[Row]:
    """Check that there are texts among the first rows, and that the first one has no
    column of a name that is to be written: otherwise all rows may fail in one way.

    inputs (Sequence[Input]): What is annotated.
    settings (Settings): What is written.
    shapes (Dict[str, Any]): The columns of the annotation.
    shard_rows (int): How many rows a shard has.
    RETURNS (List[Row]): The first rows that have a text.
    RAISES (ValueError): If it is not so.
    """
    first = next(iter(cut_into_shards(inputs, shard_rows)), None)
    rows = list(islice(_rows_of(first, settings), _TYPED_ROWS))
    if not rows:
        return []
    usable = [row for row in rows if isinstance(row, Row)]
    failed = [row for row in rows if isinstance(row, Failure)]
    objects = [row for row in failed if isinstance(row.record, dict)]
    if objects and not usable:
        raise ValueError(
            f"{objects[0].name}, row {objects[0].number}: {objects[0].error}, and so "
            "it goes on. Name the column that has the text by --text-field."
        )
    for row in usable[:1]:
        taken = [name for name in shapes if name in row.columns]
        if taken:
            raise ValueError(
                f"{row.name}, row {row.number} has {', '.join(map(repr, taken))} "
                "already, which is a column of the annotation. Let the names of these "
                "start with something else by --prefix."
            )
    return usable


def _rows_of(
    shard: Optional[Shard], settings: Settings
) -> Iterator[Union[Row, Failure]]:
    nlp = spacy.blank("xx")
    for piece in () if shard is None else shard.pieces:
        yield from read_rows(piece, settings.text_field, nlp)


def schema_of(inputs: Sequence[Input], rows: Sequence[Row]) -> "pa.Schema":
    """Find the types of the columns that are there, for Parquet.

    inputs (Sequence[Input]): The files.
    rows (Sequence[Row]): The first rows.
    RETURNS (Schema): The types.
    RAISES (ValueError): If there is none for a column.
    """
    if inputs and inputs[0].kind is Kind.parquet:
        return parquet.schema_of_file(inputs[0].path)
    return parquet.schema_of_rows([row.columns for row in rows])
