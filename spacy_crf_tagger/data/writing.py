"""Write documents into one file or several, all of them or none."""

from contextlib import ExitStack, nullcontext
from itertools import chain, islice
from pathlib import Path
from typing import (
    Callable,
    ContextManager,
    Iterable,
    Iterator,
    List,
    Optional,
    Sequence,
)

from spacy.tokens import Doc

from .docbin import SpooledDocs
from .saving import check_file, check_folder, replacing_file, replacing_folder

SUFFIX = ".spacy"
_N_DIGITS = 5  # so that the order of names is that of the documents

# Documents after which the vocabulary may forget words.
_BATCH = 5000

Choose = Callable[[Doc], int]
# What is made of documents in such a context is forgotten after it.
Zone = Callable[[], ContextManager[object]]


def check_outputs(
    paths: Iterable[Path], inputs: Sequence[Path], *, are_folders: bool
) -> None:
    """Check that files or folders can be written, before it takes work to get there.

    paths (Iterable[Path]): The files, or the folders for shards.
    inputs (Sequence[Path]): What is read, and must not be overwritten.
    are_folders (bool): Whether they are folders.
    RAISES (OSError): If one of them cannot.
    """
    for path in paths:
        if are_folders:
            check_folder(path, [SUFFIX], inputs)
        else:
            check_file(path, inputs)


def write_docs(
    docs: Iterable[Doc], path: Path, check: Callable[[], None] = lambda: None
) -> None:
    """Write documents into a file, or leave what is there if that fails.

    docs (Iterable[Doc]): The documents, which are not kept in memory.
    path (Path): The file.
    check (Callable[[], None]): What to do when all have been seen and nothing has been
        written. It may raise.
    RAISES (TooManyTokensError): If the format cannot hold so many tokens.
    RAISES (OSError): If the file cannot be written.
    """
    write_parts(docs, [path], lambda _: 0, check)


def write_parts(
    docs: Iterable[Doc],
    paths: Sequence[Path],
    choose: Choose,
    check: Callable[[], None] = lambda: None,
    zone: Zone = nullcontext,
) -> None:
    """Write documents into several files, or leave what is there if that fails.

    docs (Iterable[Doc]): The documents, which are not kept in memory.
    paths (Sequence[Path]): The files.
    choose (Callable[[Doc], int]): Tells which file a document comes into.
    check (Callable[[], None]): What to do when all have been seen and nothing has been
        written. It may raise.
    zone (Zone): Makes contexts in which documents come, `nlp.memory_zone` of the
        pipeline that makes them.
    RAISES (TooManyTokensError): If the format cannot hold so many tokens.
    RAISES (OSError): If a file cannot be written.
    """
    with ExitStack() as stack:
        parts = [
            stack.enter_context(SpooledDocs(_existing_folder(path))) for path in paths
        ]
        _distribute(docs, parts, choose, zone)
        check()
        # None is replaced before all have been written.
        for path, part in zip(paths, parts, strict=True):
            part.write(stack.enter_context(replacing_file(path)))


def write_shards(
    docs: Iterable[Doc],
    paths: Sequence[Path],
    choose: Choose,
    size: int,
    check: Callable[[], None] = lambda: None,
    zone: Zone = nullcontext,
) -> None:
    """Write documents into folders of files that are no larger than what is wanted, or
    leave what is there if that fails. Neither memory nor temporary files grow with the
    number of documents.

    docs (Iterable[Doc]): The documents.
    paths (Sequence[Path]): The folders.
    choose (Callable[[Doc], int]): Tells which folder a document comes into.
    size (int): The most documents that a file has.
    check (Callable[[], None]): What to do when all have been written and nothing has
        been replaced. It may raise.
    zone (Zone): Makes contexts in which documents come, `nlp.memory_zone` of the
        pipeline that makes them.
    RAISES (TooManyTokensError): If the format cannot hold so many tokens.
    RAISES (OSError): If a folder cannot be written.
    """
    with ExitStack() as stack:
        folders = [
            stack.enter_context(replacing_folder(path, [SUFFIX])) for path in paths
        ]
        parts = [stack.enter_context(_Shards(folder, size)) for folder in folders]
        _distribute(docs, parts, choose, zone)
        for part in parts:
            part.write()
        check()


class _Shards(ExitStack):
    """The files of a folder, one after another."""

    def __init__(self, folder: Path, size: int) -> None:
        super().__init__()
        self._folder = folder
        self._size = size
        self._n_files = 0
        self._waiting: Optional[SpooledDocs] = None

    def add(self, doc: Doc) -> None:
        if self._waiting is None:
            self._waiting = self.enter_context(SpooledDocs(self._folder))
        self._waiting.add(doc)
        if self._waiting.n_docs == self._size:
            self.write()

    def settle(self) -> None:
        if self._waiting is not None:
            self._waiting.settle()

    def write(self) -> None:
        """Write what waits into a file."""
        if self._waiting is not None:
            self._n_files += 1
            name = f"{self._n_files:0{_N_DIGITS}}{SUFFIX}"
            self._waiting.write(self._folder / name)
            self._waiting = None
            self.close()


def _distribute(
    docs: Iterable[Doc],
    parts: "Sequence[SpooledDocs] | Sequence[_Shards]",
    choose: Choose,
    zone: Zone,
) -> None:
    for batch in _batches(docs, zone):
        for doc in batch:
            parts[choose(doc)].add(doc)
        for part in parts:
            part.settle()


def _batches(docs: Iterable[Doc], zone: Zone) -> Iterator[Iterable[Doc]]:
    """YIELDS (Iterable[Doc]): The documents in batches, each of which has to be used up
    before the next. The words of the first are kept, since most of them come again.
    """
    remaining = iter(docs)
    yield islice(remaining, _BATCH)
    is_more = True
    while is_more:
        with zone():
            first = next(remaining, None)
            is_more = first is not None
            if first is not None:
                yield chain([first], islice(remaining, _BATCH - 1))


def part_paths(output: Path, names: Iterable[str], *, are_folders: bool) -> List[Path]:
    """Name the files or folders of parts.

    output (Path): The folder that they come into.
    names (Iterable[str]): What the parts are called.
    are_folders (bool): Whether each part is a folder.
    RETURNS (List[Path]): Their paths.
    """
    return [output / (name if are_folders else f"{name}{SUFFIX}") for name in names]


def _existing_folder(path: Path) -> Optional[Path]:
    """RETURNS (Optional[Path]): The folder that a file comes into, or the closest one
    above it; None if it is a device, beside which there is no room.
    """
    if path.exists() and not path.is_file():
        return None
    return next(folder for folder in path.absolute().parents if folder.exists())
