"""Open a file of annotated text so that it can be read more than once, line by line."""

import codecs
import hashlib
import io
import re
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Iterator, List, Optional, Tuple

from .binaries import name_binary
from .reading import NumberedLine, number_lines

_HEAD = 1 << 16
_CHUNK = 1 << 20
_LINE_END = re.compile(rb"\r*\n|\r")
_RECODE = "iconv -f {} -t UTF-8 {} > converted"

# UTF-32 first, whose mark starts with that of UTF-16.
_ENCODINGS: List[Tuple[bytes, str]] = [
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
]


class UnreadableError(ValueError):
    """A file cannot be read; the message says why and what to do."""

    path: Optional[Path] = None

    def of(self, path: Path) -> "UnreadableError":
        """Say which file it is.

        path (Path): The file.
        RETURNS (UnreadableError): Itself.
        """
        self.path = path
        return self


class Source:
    """A file of text, which can be read again from its start.

    path (Path): What to call it.
    file (BinaryIO): The open file, in which one can go back.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self._file = file

    def lines(self) -> Iterator[NumberedLine]:
        """Read the file from its start. Only one reader can do so at a time.

        YIELDS (Tuple[int, str]): Each line's number, from 1, and the line without its
            end.
        RAISES (UnreadableError): If the file is not UTF-8, or the disk fails.
        """
        self._file.seek(0)
        text = io.TextIOWrapper(self._file, encoding="utf-8-sig", newline="")
        try:
            yield from number_lines(text)
        except UnicodeDecodeError as error:
            text.detach()
            raise UnreadableError(self._describe_encoding()) from error
        except OSError as error:
            raise UnreadableError(str(error)) from error
        finally:
            with suppress(ValueError):  # it has been let go of already
                text.detach()

    def content(self) -> bytes:
        """RETURNS (bytes): All of the file.
        RAISES (UnreadableError): If the disk fails.
        """
        self._file.seek(0)
        try:
            return self._file.read()
        except OSError as error:
            raise UnreadableError(str(error)) from error

    def binary(self) -> BinaryIO:
        """RETURNS (BinaryIO): The open file, at its start."""
        self._file.seek(0)
        return self._file

    def head(self, size: int = _HEAD) -> bytes:
        """Read the beginning of the file.

        size (int): How many bytes at most.
        RETURNS (bytes): The beginning.
        """
        self._file.seek(0)
        return self._file.read(size)

    def md5(self) -> str:
        """RETURNS (str): The checksum of the file."""
        self._file.seek(0)
        checksum = hashlib.md5(usedforsecurity=False)
        while chunk := self._file.read(_CHUNK):
            checksum.update(chunk)
        return checksum.hexdigest()

    @property
    def size(self) -> int:
        """RETURNS (int): How many bytes there are."""
        self._file.seek(0, io.SEEK_END)
        return self._file.tell()

    @property
    def position(self) -> int:
        """RETURNS (int): How many bytes have been read."""
        return self._file.tell()

    def check_is_text(self) -> None:
        """Check that the file is text, as far as its beginning shows.

        RAISES (UnreadableError): If it is in another encoding, or no text.
        """
        head = self.head()
        for mark, encoding in _ENCODINGS:
            if head.startswith(mark):
                recode = _RECODE.format(encoding, self.path)
                raise UnreadableError(
                    f"it is {encoding}, not UTF-8. Save it as UTF-8, or convert it: "
                    f"{recode}"
                )
        description = name_binary(head, self.binary())
        if description is not None:
            raise UnreadableError(f"it is {description}")
        if b"\0" in head:
            line = len(_LINE_END.findall(head, 0, head.index(b"\0"))) + 1
            raise UnreadableError(
                f"line {line} holds a zero byte: it is not text, or UTF-16 without a "
                f"mark. Convert the latter: {_RECODE.format('UTF-16LE', self.path)}"
            )

    def _describe_encoding(self) -> str:
        """RETURNS (str): Where the first bytes are that are not UTF-8."""
        self._file.seek(0)
        number = 1
        for line in self._file:
            try:
                line.decode("utf8")
            except UnicodeDecodeError as error:
                number += len(_LINE_END.findall(line, 0, error.start))
                return (
                    f"line {number} is not UTF-8: {line[error.start : error.end]!r}. "
                    f"Save it as UTF-8, or convert it if you know its encoding: "
                    f"{_RECODE.format('WINDOWS-1252', self.path)}"
                )
            number += len(_LINE_END.findall(line))
        return "it is not UTF-8"


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a file. What cannot be read twice, such as a pipe, is copied into a
    temporary file first.

    path (Path): The file.
    YIELDS (Source): The open file.
    RAISES (UnreadableError): If it cannot be opened.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise UnreadableError(str(error)) from error
    with file:
        if file.seekable():
            yield Source(path, file)
            return
        with tempfile.TemporaryFile() as copy:
            try:
                shutil.copyfileobj(file, copy, _CHUNK)
            except OSError as error:
                raise UnreadableError(str(error)) from error
            yield Source(path, copy)
