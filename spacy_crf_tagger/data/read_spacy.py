"""Read documents from `.spacy` files."""

import struct
from pathlib import Path
from typing import Iterator

import srsly
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from .source import UnreadableError

SUFFIX = ".spacy"
# zlib, in whatever strength somebody compressed it.
_MARKS = (b"x\x01", b"x\x5e", b"x\x9c", b"x\xda")
# What a file raises that is cut, damaged, or was compressed by another program.
_FAULTS = (
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    struct.error,
    srsly.msgpack.exceptions.UnpackException,
)


def looks_like_spacy(path: Path, head: bytes) -> bool:
    """Find out whether a file may be one of spaCy's documents.

    path (Path): The file.
    head (bytes): Its beginning.
    RETURNS (bool): Whether its name and its first bytes are those of such a file.
    """
    return path.suffix.lower() == SUFFIX and head.startswith(_MARKS)


def find_spacy_files(path: Path) -> list[Path]:
    """Find the `.spacy` files that a path stands for.

    path (Path): A file, or a folder of them.
    RETURNS (list[Path]): The file itself, or those in the folder and in the folders in
        it, by their names, as `spacy.Corpus.v1` reads them.
    RAISES (UnreadableError): If there is none.
    """
    if not path.is_dir():
        return [path]
    found = sorted(
        each
        for each in path.rglob(f"*{SUFFIX}")
        if each.is_file()
        and not any(part.startswith(".") for part in each.relative_to(path).parts)
    )
    if not found:
        error = UnreadableError(f"this folder has no file that ends in {SUFFIX}")
        raise error.of(path)
    return found


def read_docs(path: Path, vocab: Vocab) -> Iterator[Doc]:
    """Read the documents of a `.spacy` file. The file is in memory while they come, and
    they are made one by one.

    path (Path): The file.
    vocab (Vocab): The vocabulary for the documents.
    YIELDS (Doc): The documents.
    RAISES (UnreadableError): If it is no such file, or a damaged one.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableError(str(error)).of(path) from error
    try:
        docs = DocBin().from_bytes(content).get_docs(vocab)
    except _FAULTS as error:
        raise UnreadableError(
            f"it is no file of spaCy's documents, or it is damaged ({error}). spaCy "
            "writes such files by DocBin.to_disk; make it anew"
        ).of(path) from error
    number = 0
    while True:
        number += 1
        try:
            doc = next(docs)
        except StopIteration:
            return
        except _FAULTS as error:
            raise UnreadableError(
                f"document {number} is damaged ({error}); make the file anew"
            ).of(path) from error
        yield doc
