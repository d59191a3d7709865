"""Write spaCy's binary format with constant memory, for any number of documents."""

import struct
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Callable, Iterable, Iterator, Optional, Set, Type, cast

import numpy as np
import srsly
from spacy.attrs import ENT_IOB, ENT_TYPE, NORM, ORTH, SENT_START, SPACY
from spacy.tokens import Doc, DocBin

from .saving import replacing_file

# The most that MessagePack can hold in one piece, and so a DocBin of all its tokens.
_MOST_BYTES = 2**32 - 1
_WIDTH = 8  # bytes of an attribute of a token
_CHUNK = 1 << 12  # tokens
_NO_CATS = srsly.msgpack_dumps({})
_ATTRS = [ORTH, NORM, ENT_IOB, ENT_TYPE, SENT_START]
_MOST_TOKENS = _MOST_BYTES // (_WIDTH * len(_ATTRS))


class TooManyTokensError(ValueError):
    """A `.spacy` file cannot hold so many tokens; the message says what to do."""


def check_n_tokens(n_tokens: int) -> None:
    """Check that a `.spacy` file can hold a number of tokens.

    n_tokens (int): How many there are.
    RAISES (TooManyTokensError): If there are too many.
    """
    if n_tokens > _MOST_TOKENS:
        raise TooManyTokensError(
            f"a .spacy file holds {_MOST_TOKENS:,} tokens at most. Split the input and "
            "write the parts into one folder: spaCy reads all the files of a folder"
        )


def write_docs(
    docs: Iterable[Doc], path: Path, check: Callable[[], None] = lambda: None
) -> None:
    """Write documents, or leave what is there if that fails.

    docs (Iterable[Doc]): The documents, which are not kept in memory.
    path (Path): The file.
    check (Callable[[], None]): What to do when all have been seen and nothing has been
        written. It may raise.
    RAISES (TooManyTokensError): If the format cannot hold so many tokens.
    RAISES (OSError): If the file cannot be written.
    """
    with SpooledDocs(_existing_folder(path)) as spooled:
        for doc in docs:
            spooled.add(doc)
        check()
        with replacing_file(path) as temporary:
            spooled.write(temporary)


class SpooledDocs:
    """Documents on their way into a file. They wait in temporary files, since the
    format has all tokens before all words. Of each document the text, the entities and
    the starts of sentences are kept.

    folder (Optional[Path]): Where to put the temporary files, which have no names and
        vanish with the process. By default where the system puts them.
    """

    def __init__(self, folder: Optional[Path] = None) -> None:
        self._tokens, self._spaces, self._lengths, self._flags = (
            # `__exit__` closes them.
            cast(BinaryIO, tempfile.TemporaryFile(dir=folder))  # noqa: SIM115
            for _ in range(4)
        )
        self._strings: Set[str] = set()
        self._seen: Set[int] = set()
        self._n_docs = 0
        self._n_tokens = 0

    def __enter__(self) -> "SpooledDocs":
        """RETURNS (SpooledDocs): Itself."""
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        """Drop the documents."""
        for file in (self._tokens, self._spaces, self._lengths, self._flags):
            # A full disk has no room for what is not written yet, and needs none.
            with suppress(OSError):
                file.close()

    def add(self, doc: Doc) -> None:
        """Add a document.

        doc (Doc): The document.
        RAISES (TooManyTokensError): If the format cannot hold so many tokens.
        RAISES (OSError): If the disk is full.
        """
        check_n_tokens(self._n_tokens + len(doc))
        tokens = doc.to_array(_ATTRS).reshape(-1, len(_ATTRS))
        spaces = doc.to_array([SPACY]).astype(bool)
        self._tokens.write(tokens.tobytes())
        self._spaces.write(spaces.tobytes())
        self._lengths.write(struct.pack("=i", len(doc)))
        self._flags.write(bytes([doc.has_unknown_spaces]))
        self._n_docs += 1
        self._n_tokens += len(doc)
        texts = tokens[:, [_ATTRS.index(each) for each in (ORTH, NORM, ENT_TYPE)]]
        for key in set(texts.ravel().tolist()) - self._seen:
            self._seen.add(key)
            self._strings.add(doc.vocab.strings[key])

    def write(self, path: Path) -> None:
        """Write what `DocBin(docs=docs).to_disk(path)` would write.

        path (Path): The file.
        RAISES (OSError): If the disk is full.
        """
        compressor = zlib.compressobj()
        with path.open("wb") as file:
            for piece in self._message():
                file.write(compressor.compress(piece))
            file.write(compressor.flush())

    def _message(self) -> Iterator[bytes]:
        """YIELDS (bytes): A DocBin in MessagePack, piece by piece."""
        attrs = DocBin().attrs
        if self._n_tokens * _WIDTH * len(attrs) > _MOST_BYTES:
            # Other DocBins merge only with those of the same attributes.
            attrs = _ATTRS
        yield _map_header(9)
        yield from (_pack("version"), _pack(DocBin().version))
        yield from (_pack("attrs"), _pack(list(attrs)))
        yield _pack("tokens")
        yield _bytes_header(self._n_tokens * _WIDTH * len(attrs))
        columns = [list(attrs).index(each) for each in _ATTRS]
        for chunk in _read(self._tokens, _CHUNK * _WIDTH * len(_ATTRS)):
            tokens = np.frombuffer(chunk, dtype="uint64").reshape(-1, len(_ATTRS))
            padded = np.zeros((len(tokens), len(attrs)), dtype="uint64")
            padded[:, columns] = tokens
            yield padded.tobytes()
        yield _pack("spaces")
        yield _bytes_header(self._n_tokens)
        yield from _read(self._spaces, _CHUNK)
        yield _pack("lengths")
        yield _bytes_header(4 * self._n_docs)
        yield from _read(self._lengths, _CHUNK)
        # At once, since each call of MessagePack takes milliseconds here.
        yield from (_pack("strings"), _pack(sorted(self._strings)))
        yield from (_pack("cats"), _array_header(self._n_docs))
        yield from self._of_each_doc(_NO_CATS, _NO_CATS)
        yield from (_pack("flags"), _array_header(self._n_docs))
        yield from self._of_each_doc(
            _pack({"has_unknown_spaces": False}), _pack({"has_unknown_spaces": True})
        )
        yield from (_pack("span_groups"), _array_header(self._n_docs))
        no_groups = _pack(_pack([]))
        yield from self._of_each_doc(no_groups, no_groups)

    def _of_each_doc(self, spaced: bytes, unspaced: bytes) -> Iterator[bytes]:
        """YIELDS (bytes): One of two pieces for each document: the second where the
        spaces between its words are unknown.
        """
        for flags in _read(self._flags, _CHUNK):
            yield b"".join(unspaced if flag else spaced for flag in flags)


def _existing_folder(path: Path) -> Optional[Path]:
    """RETURNS (Optional[Path]): The folder that a file comes into, or the closest one
    above it; None if it is a device, beside which there is no room.
    """
    if path.exists() and not path.is_file():
        return None
    return next(folder for folder in path.absolute().parents if folder.exists())


def _read(file: BinaryIO, size: int) -> Iterator[bytes]:
    file.seek(0)
    while chunk := file.read(size):
        yield chunk


def _pack(value: object) -> bytes:
    return cast(bytes, srsly.msgpack_dumps(value))


def _map_header(n: int) -> bytes:
    """RETURNS (bytes): What precedes n pairs, 15 at most."""
    return bytes([0x80 | n])


def _array_header(n: int) -> bytes:
    if n < 16:
        return bytes([0x90 | n])
    return struct.pack(">BH", 0xDC, n) if n < 1 << 16 else struct.pack(">BI", 0xDD, n)


def _bytes_header(n: int) -> bytes:
    if n < 1 << 8:
        return struct.pack(">BB", 0xC4, n)
    return struct.pack(">BH", 0xC5, n) if n < 1 << 16 else struct.pack(">BI", 0xC6, n)
