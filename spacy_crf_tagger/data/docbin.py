"""Write spaCy's binary format with constant memory, for any number of documents."""

import struct
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import (
    Any,
    BinaryIO,
    Iterator,
    List,
    Optional,
    Set,
    Type,
    Union,
    cast,
)

import numpy as np
from spacy.attrs import (
    DEP,
    ENT_ID,
    ENT_IOB,
    ENT_KB_ID,
    ENT_TYPE,
    LEMMA,
    MORPH,
    NORM,
    ORTH,
    SENT_START,
    SPACY,
    TAG,
)
from spacy.strings import StringStore
from spacy.tokens import Doc, DocBin
from srsly.msgpack import Packer

# The most that MessagePack can hold in one piece, and so a DocBin of all its tokens.
_MOST_BYTES = 2**32 - 1
_WIDTH = 8  # bytes of an attribute of a token
_CHUNK = 1 << 12  # tokens
# What there is at least: more attributes leave room for fewer tokens.
_ATTRS = [ORTH, NORM, ENT_IOB, ENT_TYPE, SENT_START]
_ALL_ATTRS = cast(List[Union[int, str]], DocBin().attrs)
_Tokens = np.ndarray[Any, np.dtype[np.uint64]]
_NO_TOKENS = np.empty((0, len(_ALL_ATTRS)), dtype=np.uint64)
_TEXTS = (ORTH, NORM, TAG, DEP, LEMMA, MORPH, ENT_TYPE, ENT_KB_ID, ENT_ID)
_TEXT_COLUMNS = [_ALL_ATTRS.index(each) for each in _TEXTS]
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
            f"a .spacy file holds {_MOST_TOKENS:,} tokens at most. Write several into "
            "a folder (--shard-size): spaCy reads all the files of a folder"
        )


class SpooledDocs:
    """Documents on their way into a file. They wait in temporary files, since the
    format has all tokens before all words. What a `DocBin` keeps is kept.

    folder (Optional[Path]): Where to put the temporary files, which have no names and
        vanish with the process. By default where the system puts them.
    """

    def __init__(self, folder: Optional[Path] = None) -> None:
        self._files = [
            # `__exit__` closes them.
            cast(BinaryIO, tempfile.TemporaryFile(dir=folder))  # noqa: SIM115
            for _ in range(6)
        ]
        self._tokens, self._spaces, self._lengths = self._files[:3]
        self._flags, self._cats, self._groups = self._files[3:]
        self._strings: Set[str] = set()
        self._seen: Set[int] = set()
        self._store: Optional[StringStore] = None  # of the vocabulary
        self._used = np.zeros(len(_ALL_ATTRS), dtype=bool)
        # Of short documents, many are looked through at once.
        self._waiting: List[_Tokens] = []
        self._n_waiting = 0
        self._n_tokens = 0
        self.n_docs = 0

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
        for file in self._files:
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
        if doc.vocab.strings is not self._store:
            self.settle()  # by the vocabulary of the documents before
        tokens = doc.to_array(_ALL_ATTRS).reshape(-1, len(_ALL_ATTRS))
        self._waiting.append(tokens.astype(np.uint64, copy=False))
        self._n_waiting += len(doc)
        self._spaces.write(doc.to_array([SPACY]).astype(bool).tobytes())
        self._lengths.write(struct.pack("=i", len(doc)))
        self._flags.write(_UNSPACED if doc.has_unknown_spaces else _SPACED)
        self._cats.write(_pack(doc.cats) if doc.cats else _NO_CATS)
        self._groups.write(_pack(doc.spans.to_bytes()) if doc.spans else _NO_GROUPS)
        for group in doc.spans.values():
            for span in group:
                self._strings.update((span.label_, span.kb_id_, span.id_))
        self.n_docs += 1
        self._n_tokens += len(doc)
        self._store = doc.vocab.strings
        if self._n_waiting >= _CHUNK:
            self.settle()

    def write(self, path: Path) -> None:
        """Write what `DocBin(docs=docs).to_disk(path)` would write.

        path (Path): The file.
        RAISES (TooManyTokensError): If the format cannot hold so many tokens.
        RAISES (OSError): If the disk is full.
        """
        self.settle()
        compressor = zlib.compressobj()
        with path.open("wb") as file:
            for piece in self._message():
                file.write(compressor.compress(piece))
            file.write(compressor.flush())

    def settle(self) -> None:
        """Take all that is needed from the vocabulary, which may forget it then."""
        if self._store is None:
            return
        tokens = np.concatenate([_NO_TOKENS, *self._waiting])
        self._waiting, self._n_waiting = [], 0
        self._tokens.write(tokens.tobytes())
        self._used |= tokens.any(axis=0)
        for key in set(np.unique(tokens[:, _TEXT_COLUMNS]).tolist()) - self._seen:
            self._seen.add(key)
            self._strings.add(self._store[key])

    def _message(self) -> Iterator[bytes]:
        """YIELDS (bytes): A DocBin in MessagePack, piece by piece."""
        attrs = self._choose_attrs()
        columns = [_ALL_ATTRS.index(each) for each in attrs]
        yield _map_header(9)
        yield from (_pack("version"), _pack(DocBin().version))
        yield from (_pack("attrs"), _pack(attrs))
        yield _pack("tokens")
        yield _bytes_header(self._n_tokens * _WIDTH * len(attrs))
        for chunk in _read(self._tokens, _CHUNK * _WIDTH * len(_ALL_ATTRS)):
            tokens = np.frombuffer(chunk, dtype="uint64").reshape(-1, len(_ALL_ATTRS))
            is_all = len(attrs) == len(_ALL_ATTRS)
            yield chunk if is_all else tokens[:, columns].tobytes()
        yield _pack("spaces")
        yield _bytes_header(self._n_tokens)
        yield from _read(self._spaces, _CHUNK)
        yield _pack("lengths")
        yield _bytes_header(4 * self.n_docs)
        yield from _read(self._lengths, _CHUNK)
        yield from (_pack("strings"), _pack(sorted(self._strings)))
        names = ("cats", "flags", "span_groups")
        for name, file in zip(
            names, (self._cats, self._flags, self._groups), strict=True
        ):
            yield from (_pack(name), _array_header(self.n_docs))
            yield from _read(file, _CHUNK)

    def _choose_attrs(self) -> List[Union[int, str]]:
        """RETURNS (List[Union[int, str]]): All attributes, or, where the format has no
            room for them, those that any token has.
        RAISES (TooManyTokensError): If there is no room for these either.
        """
        if self._n_tokens * _WIDTH * len(_ALL_ATTRS) <= _MOST_BYTES:
            return list(_ALL_ATTRS)
        # Other DocBins merge only with those of the same attributes.
        used = zip(_ALL_ATTRS, self._used, strict=True)
        attrs = [each for each, is_used in used if is_used or each in _ATTRS]
        check_n_tokens(self._n_tokens * len(attrs) // len(_ATTRS))
        return attrs


def _read(file: BinaryIO, size: int) -> Iterator[bytes]:
    file.seek(0)
    while chunk := file.read(size):
        yield chunk


# To make one takes a millisecond, and to use it next to nothing.
_PACKER = Packer(use_bin_type=True)


def _pack(value: object) -> bytes:
    return cast(bytes, _PACKER.pack(value))


_NO_CATS = _pack({})
_NO_GROUPS = _pack(_pack([]))
_SPACED = _pack({"has_unknown_spaces": False})
_UNSPACED = _pack({"has_unknown_spaces": True})


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
