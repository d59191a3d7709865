"""Write files and folders atomically: an old one stays until the new one is complete.

Everything is written beside its place and then swapped in, so that neither an error nor
a full disk, Ctrl-C or the end of the process leaves half a file. A process that is
killed leaves what it has written so far under a hidden name with `.tmp` in it.
"""

import ctypes
import errno
import os
import secrets
import shutil
import stat
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Collection, Iterable, Iterator, List, Union

_PIPELINE_FILES = ("config.cfg", "meta.json")
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # of Linux


@contextmanager
def replacing_file(path: Union[str, Path]) -> Iterator[Path]:
    """Replace a file, or make a new one, at the end of a context without an error.

    path (Union[str, Path]): The file. Where it is a link, what it links to is replaced;
        a device such as `/dev/stdout` is written to.
    YIELDS (Path): Where to write the content: an empty file of the same ending.
    RAISES (OSError): If the file cannot be written, or is read-only.
    """
    path = Path(path)
    if _is_device(path):
        yield path
        return
    path = Path(os.path.realpath(path))
    check_file(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{_hidden_name(path)}{path.suffix}")
    try:
        # Not by `tempfile`, whose files nobody else may read.
        temporary.open("xb").close()
        yield temporary
        if path.exists():
            temporary.chmod(stat.S_IMODE(path.stat().st_mode))
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_pipeline(path: Union[str, Path]) -> Iterator[Path]:
    """Replace the folder of a pipeline, or make a new one, at the end of a context
    without an error. Files of the old folder that the new one does not have, such as a
    README, stay in it.

    path (Union[str, Path]): The folder. Where it is a link, what it links to is
        replaced.
    YIELDS (Path): Where to write the content: an empty folder.
    RAISES (OSError): If the folder cannot be written, is read-only, or holds something
        else than a pipeline.
    """
    path = Path(os.path.realpath(path))
    check_pipeline(path)
    with _replacing_folder(path, keeps_others=True) as temporary:
        yield temporary


@contextmanager
def replacing_folder(
    path: Union[str, Path], endings: Collection[str]
) -> Iterator[Path]:
    """Replace a folder of files of certain kinds, or make a new one, at the end of a
    context without an error. Nothing of the old folder stays.

    path (Union[str, Path]): The folder. Where it is a link, what it links to is
        replaced.
    endings (Collection[str]): How the names of its files end.
    YIELDS (Path): Where to write the content: an empty folder.
    RAISES (OSError): If the folder cannot be written, is read-only, or holds something
        else than such files.
    """
    path = Path(os.path.realpath(path))
    check_folder(path, endings)
    with _replacing_folder(path, keeps_others=False) as temporary:
        yield temporary


@contextmanager
def _replacing_folder(path: Path, *, keeps_others: bool) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    # A mounted folder has to stay where it is; it is empty, as was checked.
    is_mount = os.path.ismount(path)
    temporary = (path if is_mount else path.parent) / _hidden_name(path)
    try:
        temporary.mkdir()
        yield temporary
        _sync_all(temporary)
        if is_mount:
            for entry in sorted(temporary.iterdir()):
                os.replace(entry, path / entry.name)
        elif path.exists():
            temporary.chmod(stat.S_IMODE(path.stat().st_mode))
            if keeps_others:
                _keep_others(path, temporary)
            _exchange(temporary, path)
        else:
            os.rename(temporary, path)
        _sync(path.parent)
    finally:
        # The old folder, if it has been exchanged for the new one.
        shutil.rmtree(temporary, ignore_errors=True)


def check_file(path: Path, inputs: Iterable[Path] = ()) -> None:
    """Check that a file can be written, before it takes work to get there.

    path (Path): The file.
    inputs (Iterable[Path]): What is read, and must not be overwritten.
    RAISES (OSError): If it is a folder, read-only, or one of the inputs.
    """
    _refuse_inputs(path, inputs)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "This is a folder", str(path))
    if not _is_device(path):
        _require_writable(path)


def check_pipeline(path: Path, inputs: Iterable[Path] = ()) -> None:
    """Check that the folder of a pipeline can be written, before it takes work to get
    there.

    path (Path): The folder.
    inputs (Iterable[Path]): What is read, and must not be overwritten.
    RAISES (OSError): If it is a file, read-only, one of the inputs, or holds something
        else than a pipeline.
    """
    _refuse_inputs(path, inputs)
    names = _names_in(path)
    if names and not all((path / name).is_file() for name in _PIPELINE_FILES):
        raise FileExistsError(
            errno.ENOTEMPTY,
            "This folder holds something else than a pipeline; name a new folder",
            str(path),
        )
    _require_replaceable(path, names)


def check_folder(
    path: Path, endings: Collection[str], inputs: Iterable[Path] = ()
) -> None:
    """Check that a folder of files of certain kinds can be written, before it takes
    work to get there.

    path (Path): The folder.
    endings (Collection[str]): How the names of its files end, such as `".spacy"`;
        without a dot at the beginning, what they are.
    inputs (Iterable[Path]): What is read, and must not be overwritten.
    RAISES (OSError): If it is a file, read-only, one of the inputs, or holds something
        else than such files.
    """
    _refuse_inputs(path, inputs)
    suffixes = tuple(ending for ending in endings if ending.startswith("."))
    names = _all_names_in(path)
    others = [
        name
        for name in names
        if not (path / name).is_file()
        or not (name in endings or name.endswith(suffixes))
    ]
    if others:
        raise FileExistsError(
            errno.ENOTEMPTY,
            f"This folder holds {others[0]!r}, which would be lost; name a new folder",
            str(path),
        )
    _require_replaceable(path, names)


def refuse_inside(path: Path, folders: Iterable[Path]) -> None:
    """Refuse to write into a folder that is read.

    path (Path): What is to be written.
    folders (Iterable[Path]): What is read; files and missing ones are passed over.
    RAISES (OSError): If the path is in one of the folders.
    """
    for folder in folders:
        if folder.is_dir() and folder.resolve() in path.resolve().parents:
            raise FileExistsError(
                errno.EEXIST,
                f"The output is in {folder}, which is an input; name another",
                str(path),
            )


def _names_in(path: Path) -> List[str]:
    """RETURNS (List[str]): What is in a folder, if it is there, but for hidden files.
    RAISES (NotADirectoryError): If it is no folder.
    """
    return [name for name in _all_names_in(path) if not name.startswith(".")]


def _all_names_in(path: Path) -> List[str]:
    """RETURNS (List[str]): What is in a folder, if it is there.
    RAISES (NotADirectoryError): If it is no folder.
    """
    if not path.exists():
        return []
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "This is not a folder", str(path))
    # A new disk has this, and a killed process may have left files of ours.
    return [n for n in os.listdir(path) if n != "lost+found" and not _is_hidden(n)]


def _require_replaceable(path: Path, names: List[str]) -> None:
    if names and os.path.ismount(path):
        raise OSError(
            errno.EBUSY,
            "A mounted folder cannot be replaced; name a new folder inside of it",
            str(path),
        )
    _require_writable(path)


def _refuse_inputs(path: Path, inputs: Iterable[Path]) -> None:
    for source in inputs:
        is_same = source.exists() and path.exists() and os.path.samefile(source, path)
        if is_same and not _is_device(path):
            raise FileExistsError(
                errno.EEXIST, "The output is also an input; name another", str(path)
            )


def _require_writable(path: Path) -> None:
    """Root may write whatever it wants, but somebody has made it read-only."""
    if path.exists():
        is_locked = not stat.S_IMODE(path.stat().st_mode) & 0o222
        if is_locked or not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, "This is read-only", str(path))
    folder = path.absolute().parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "This is not a folder", str(folder))
    if not os.path.ismount(path) and not os.access(folder, os.W_OK):
        raise PermissionError(errno.EACCES, "This folder is read-only", str(folder))


def _is_device(path: Path) -> bool:
    """RETURNS (bool): Whether a path is no file on a disk, or one's own open file."""
    if path.is_absolute() and path.parts[1:2] in (("dev",), ("proc",)):
        return path.exists()
    return path.exists() and not path.is_file() and not path.is_dir()


def _is_hidden(name: str) -> bool:
    """RETURNS (bool): Whether a name is one that `_hidden_name` makes."""
    return name.startswith(".") and name.endswith(".tmp")


def _hidden_name(path: Path) -> str:
    # Those of spaCy that read folders pass over such files.
    return f".{path.name}.{secrets.token_hex(4)}.tmp"


def _keep_others(old: Path, new: Path) -> None:
    """Put the files of an old folder that a new one lacks into the new one as well."""
    for folder, _, names in os.walk(old):
        own = new / Path(folder).relative_to(old)
        for name in names:
            if not os.path.lexists(own / name):
                own.mkdir(parents=True, exist_ok=True)
                _link(Path(folder) / name, own / name)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # not every file system has links
        shutil.copy2(source, target, follow_symlinks=False)


def _exchange(first: Path, second: Path) -> None:
    """Exchange two folders: in one step where the system can, so that there is no
    moment without either, or else by way of a third place.
    """
    if _exchange_at_once(first, second):
        return
    aside = second.with_name(_hidden_name(second))
    os.rename(second, aside)
    try:
        os.rename(first, second)
    except BaseException:
        os.rename(aside, second)
        raise
    os.rename(aside, first)


def _exchange_at_once(first: Path, second: Path) -> bool:
    """RETURNS (bool): Whether the system could exchange two paths in one step."""
    if not sys.platform.startswith("linux"):
        return False
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    paths = os.fsencode(first), os.fsencode(second)
    code = rename(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE)
    return bool(code == 0)


def _sync_all(path: Path) -> None:
    for folder, _, names in os.walk(path):
        for name in names:
            _sync(Path(folder) / name)
        _sync(Path(folder))


def _sync(path: Path) -> None:
    """Have what was written on the disk, should the power fail."""
    if os.name == "nt" or path.is_symlink():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems cannot.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
