"""Read and write word clusters as paths, the format of Percy Liang's brown-cluster.

Each line has a path through the tree of classes in bits, a word, and how often the word
occurs in the texts, with tabs between them.
"""

import re
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Optional, Union

_BITS = re.compile(r"[01]+")
_COUNT = re.compile(r"[0-9]+")
_N_COLUMNS = 3
_SHOWN = 60  # characters of a line that is wrong


class ClusteredWord(NamedTuple):
    """A word with its class.

    path (str): The way from the root of the tree to the class: a 0 or 1 for each fork.
    word (str): The word.
    frequency (int): How often it occurs; 0 if nobody knows.
    """

    path: str
    word: str
    frequency: int


def read_paths(path: Union[str, Path]) -> Dict[str, str]:
    """Read the paths of words.

    path (Union[str, Path]): A file of paths, in UTF-8.
    RETURNS (Dict[str, str]): The path of each word, in bits.
    RAISES (OSError): If the file cannot be opened.
    RAISES (ValueError): If it holds something else; the message names the line.
    """
    found: Dict[str, str] = {}
    # Only this one ends a line: words may hold others that Unicode has.
    lines = Path(path).read_bytes().split(b"\n")
    for number, content in enumerate(lines, start=1):
        if not content.strip():
            continue
        try:
            line = content.decode("utf-8-sig" if number == 1 else "utf8")
            word, bits = _parse(line)
            if found.setdefault(word, bits) != bits:
                raise ValueError(
                    f"{word!r} has another path here than before. A word is in one "
                    "class: leave one of the lines out"
                )
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{path}, line {number} is not UTF-8 ({error.reason}). Save the file as"
                " UTF-8"
            ) from error
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
    if not found:
        raise ValueError(f"{path} has no words. Each line is a path, a word, a count")
    return found


def _parse(line: str) -> "tuple[str, str]":
    columns = line.removesuffix("\r").split("\t")
    if len(columns) != _N_COLUMNS:
        raise ValueError(
            f"it has {len(columns)} columns with tabs between them, and not "
            f"{_N_COLUMNS}, a path in bits, a word and a count: {_shorten(line)}"
        )
    bits, word, count = columns
    if not _BITS.fullmatch(bits):
        raise ValueError(f"the path is not of 0 and 1: {_shorten(bits)}")
    if not word:
        raise ValueError("the word is empty")
    if not _COUNT.fullmatch(count):
        raise ValueError(f"the count is no number: {_shorten(count)}")
    return word, bits


def _shorten(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def write_paths(words: Iterable[ClusteredWord], path: Union[str, Path]) -> None:
    """Write the paths of words: class by class, and the most frequent words of a class
    first.

    words (Iterable[ClusteredWord]): The words.
    path (Union[str, Path]): The file.
    RAISES (OSError): If the file cannot be written.
    RAISES (ValueError): If the format cannot hold a word.
    """
    lines: List[str] = []
    for each in sorted(words, key=lambda each: (each.path, -each.frequency, each.word)):
        reason = reason_against(each.word)
        if reason is not None:
            raise ValueError(f"a file of paths cannot hold {each.word!r}: {reason}")
        lines.append(f"{each.path}\t{each.word}\t{each.frequency}\n")
    Path(path).write_bytes("".join(lines).encode("utf8"))


def reason_against(word: str) -> Optional[str]:
    """Find out why a word cannot be written.

    word (str): The word.
    RETURNS (Optional[str]): What is wrong; None if it can be written.
    """
    if not word:
        return "it is empty"
    if "\t" in word or "\n" in word:
        return "it holds a tab or a line end"
    try:
        word.encode("utf8")
    except UnicodeEncodeError:
        return "it holds half of a surrogate pair, which is no text"
    return None
