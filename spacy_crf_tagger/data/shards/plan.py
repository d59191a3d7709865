"""Cut inputs into shards: rows that follow each other, annotated and saved together.

The same inputs and limits always give the same shards, so that a run can go on where
another one was.
"""

import hashlib
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import BinaryIO, Iterator, List, NamedTuple, Sequence, Tuple

from spacy.tokens import DocBin

from ..source import Source, UnreadableError
from .inputs import Input, Kind
from .parquet import row_groups

_MOST_BYTES = 1 << 23
_CHUNK = 1 << 20
# The lists of a DocBin that have an entry for each document.
DOCBIN_LISTS = ("tokens", "spaces", "cats", "span_groups", "flags", "user_data")


class Piece(NamedTuple):
    """Rows of one file that follow each other.

    path (str): The file.
    kind (Kind): What it is.
    name (str): What the user calls it.
    first_row (int): The number of the first row, from 1: of a line, if it has lines.
    start (int): The byte at which it starts; the first row in its group, of Parquet;
        or the first document, from 0.
    stop (int): Where it ends, in the same unit.
    group (int): The row group, of Parquet.
    """

    path: str
    kind: Kind
    name: str
    first_row: int
    start: int
    stop: int
    group: int = 0


class Shard(NamedTuple):
    """Rows that are annotated and saved together.

    number (int): Which one it is, from 0.
    pieces (Tuple[Piece, ...]): Where its rows are.
    digest (str): Tells whether the rows are still the same.
    size (int): About how many bytes they have in their files.
    """

    number: int
    pieces: Tuple[Piece, ...]
    digest: str
    size: int


@dataclass
class _Part:
    """A piece with what is needed to put it into a shard."""

    piece: Piece
    n_rows: int
    size: int
    digest: bytes


def cut_into_shards(
    inputs: Sequence[Input], n_rows: int, n_bytes: int = _MOST_BYTES
) -> Iterator[Shard]:
    """Cut inputs into shards. Reads them once, without keeping them.

    inputs (Sequence[Input]): The files.
    n_rows (int): How many rows a shard has, but the last one.
    n_bytes (int): A shard with so many bytes is complete before.
    YIELDS (Shard): The shards, in the order of the rows.
    RAISES (UnreadableError): If a file cannot be read.
    """
    numbers = count()
    parts: List[_Part] = []
    rows = size = 0
    for each in inputs:
        try:
            left = _Room(n_rows, n_bytes, rows, size)
            for part in _CUTTERS[each.kind](each, left):
                parts.append(part)
                rows, size = rows + part.n_rows, size + part.size
                if rows >= n_rows or size >= n_bytes:
                    yield _shard(next(numbers), parts)
                    parts, rows, size = [], 0, 0
                left.rows, left.size = rows, size
        except UnreadableError as error:
            raise error.of(Path(each.name)) from error
        except OSError as error:
            raise UnreadableError(str(error)).of(Path(each.name)) from error
    if parts:
        yield _shard(next(numbers), parts)


@dataclass
class _Room:
    """What the shard that is being filled may hold, and what it holds."""

    n_rows: int
    n_bytes: int
    rows: int
    size: int


def _shard(number: int, parts: Sequence[_Part]) -> Shard:
    checksum = hashlib.blake2b(digest_size=16)
    for part in parts:
        checksum.update(part.digest)
    pieces = tuple(part.piece for part in parts)
    size = sum(part.size for part in parts)
    return Shard(number, pieces, checksum.hexdigest(), size)


def _cut_lines(source: Input, room: _Room) -> Iterator[_Part]:
    with Path(source.path).open("rb") as file:
        Source(Path(source.name), file).check_is_text()
        file.seek(0)
        line, start = 1, 0
        while part := _take_lines(file, source, line, start, room):
            line, start = line + part.n_rows, part.piece.stop
            yield part


def _take_lines(
    file: BinaryIO, source: Input, line: int, start: int, room: _Room
) -> "_Part | None":
    checksum = hashlib.blake2b(digest_size=16)
    most_rows, most_bytes = room.n_rows - room.rows, room.n_bytes - room.size
    rows = size = 0
    for content in file:
        checksum.update(content)
        rows, size = rows + 1, size + len(content)
        if rows >= most_rows or size >= most_bytes:
            break
    if not rows:
        return None
    piece = Piece(source.path, source.kind, source.name, line, start, start + size)
    return _Part(piece, rows, size, checksum.digest())


def _cut_parquet(source: Input, room: _Room) -> Iterator[_Part]:
    digest = _digest_of(Path(source.path))
    first = 1
    for group, (n_rows, n_bytes) in enumerate(row_groups(source.path)):
        per_row = n_bytes / max(n_rows, 1)
        start = 0
        while start < n_rows:
            by_size = int((room.n_bytes - room.size) / per_row) if per_row else n_rows
            length = max(1, min(room.n_rows - room.rows, n_rows - start, by_size))
            yield _part(source, first, start, length, group, per_row, digest)
            first, start = first + length, start + length


def _cut_docbin(source: Input, room: _Room) -> Iterator[_Part]:
    path = Path(source.path)
    n_rows = len(read_docbin(source.path))
    per_row = source.size / max(n_rows, 1)
    digest = _digest_of(path)
    start = 0
    while start < n_rows:
        length = min(room.n_rows - room.rows, n_rows - start)
        yield _part(source, start + 1, start, length, 0, per_row, digest)
        start += length


def read_docbin(path: str) -> DocBin:
    """Read a `.spacy` file.

    path (str): The file.
    RETURNS (DocBin): What it holds.
    RAISES (UnreadableError): If it is none.
    """
    try:
        return DocBin().from_disk(path)
    except OSError:
        raise
    except Exception as error:  # other files fail in whatever way they are decoded
        raise UnreadableError(f"it is no .spacy file, or damaged ({error})") from error


def _part(
    source: Input,
    first: int,
    start: int,
    length: int,
    group: int,
    per_row: float,
    digest: bytes,
) -> _Part:
    name = source.name
    stop = start + length
    piece = Piece(source.path, source.kind, name, first, start, stop, group)
    own = hashlib.blake2b(digest + f"{group} {start} {stop}".encode(), digest_size=16)
    return _Part(piece, length, round(length * per_row), own.digest())


def _digest_of(path: Path) -> bytes:
    return bytes.fromhex(file_digest(path))


def file_digest(path: Path) -> str:
    """Compute the checksum of a file.

    path (Path): The file.
    RETURNS (str): The checksum.
    """
    checksum = hashlib.blake2b(digest_size=16)
    with path.open("rb", buffering=0) as file:
        buffer = memoryview(bytearray(_CHUNK))
        while size := file.readinto(buffer):
            checksum.update(buffer[:size])
    return checksum.hexdigest()


def read_bytes(piece: Piece) -> bytes:
    """Read the lines of a piece.

    piece (Piece): The piece, of a file with lines.
    RETURNS (bytes): Its part of the file.
    RAISES (UnreadableError): If the file has become shorter.
    """
    with open(piece.path, "rb") as file:
        file.seek(piece.start)
        content = file.read(piece.stop - piece.start)
    if len(content) != piece.stop - piece.start:
        raise UnreadableError("it has changed while it was read").of(Path(piece.name))
    return content


_CUTTERS = {
    Kind.txt: _cut_lines,
    Kind.jsonl: _cut_lines,
    Kind.parquet: _cut_parquet,
    Kind.spacy: _cut_docbin,
}
