"""Find the files of texts that a user names."""

import glob
import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import List, Optional, Sequence

from ..source import UnreadableError

STANDARD_INPUT = "-"
_MAGIC = frozenset("*?[")


class Kind(str, Enum):
    """What a file of texts is, and what annotated texts are written as."""

    txt = "txt"
    jsonl = "jsonl"
    parquet = "parquet"
    spacy = "spacy"


SUFFIXES = {
    ".txt": Kind.txt,
    ".jsonl": Kind.jsonl,
    ".ndjson": Kind.jsonl,
    ".parquet": Kind.parquet,
    ".spacy": Kind.spacy,
}


@dataclass(frozen=True)
class Input:
    """A file of texts.

    path (str): Where it is.
    kind (Kind): What it is.
    name (str): What the user calls it.
    """

    path: str
    kind: Kind
    name: str

    @property
    def size(self) -> int:
        """RETURNS (int): How many bytes there are."""
        return Path(self.path).stat().st_size


def find_inputs(names: Sequence[str], kind: Optional[Kind] = None) -> List[Input]:
    """Find files by their names, patterns such as `texts/*.txt`, and folders.

    names (Sequence[str]): What the user names.
    kind (Optional[Kind]): What all of them are; by default their endings tell, by which
        files are chosen in folders in any case.
    RETURNS (List[Input]): The files, none twice; those of a folder or a pattern by
        their names.
    RAISES (UnreadableError): If there is no such file, or nobody knows what it holds.
    """
    found: List[Input] = []
    for name in names:
        path = Path(name)
        if not name:  # would be the current folder, for want of a variable of a shell
            raise UnreadableError("its name is empty").of(path)
        if path.is_dir():
            found += _of_folder(path, kind)
        elif not path.exists() and _MAGIC & set(name):
            matches = sorted(glob.glob(name, recursive=True))
            files = [match for match in matches if Path(match).is_file()]
            if not files:
                raise UnreadableError("no file has such a name").of(path)
            found += [_input(Path(match), kind) for match in files]
        else:
            found.append(_input(path, kind))
    return list({os.path.realpath(each.path): each for each in found}.values())


def _of_folder(folder: Path, kind: Optional[Kind]) -> List[Input]:
    files = [each for each in sorted(folder.iterdir()) if each.name[0] != "."]
    known = [each for each in files if each.suffix.lower() in SUFFIXES]
    if not known:
        raise UnreadableError(f"this folder has no file that ends in {_endings()}").of(
            folder
        )
    return [_input(each, kind) for each in known]


def _input(path: Path, kind: Optional[Kind]) -> Input:
    kind = kind or SUFFIXES.get(path.suffix.lower())
    if not path.exists():
        raise UnreadableError("there is no such file").of(path)
    if kind is None:
        raise UnreadableError(
            f"its name does not end in {_endings()}. Say what it is by --input-format"
        ).of(path)
    return Input(str(path.absolute()), kind, str(path))


def _endings() -> str:
    return ", ".join(SUFFIXES)
