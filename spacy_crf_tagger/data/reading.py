"""Shared parts of the readers: numbered lines, and a log of problems."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import (
    Callable,
    Dict,
    Generic,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Set,
    Tuple,
    TypeVar,
)

from .invisible import appearance

MAX_KEPT = 20
LOOK_ALIKE = "labels that look alike"

NumberedLine = Tuple[int, str]
# Lines can be read again: by another call.
Lines = Callable[[], Iterator[NumberedLine]]
_Item = TypeVar("_Item")


class Problem(NamedTuple):
    """Something in a file that could not be read as it stands.

    line (int): The number of the line, from 1.
    kind (str): What is wrong, in words that are the same for all such problems.
    text (str): What it is wrong with.
    """

    line: int
    kind: str
    text: str


@dataclass
class Tally(Generic[_Item]):
    """How many there are of something, and the first of them.

    first (List[_Item]): The first ones, `MAX_KEPT` at most.
    paths (List[Optional[Path]]): The file of each of the first, where that is known.
    count (int): How many there are.
    """

    first: List[_Item] = field(default_factory=list)
    paths: List[Optional[Path]] = field(default_factory=list)
    count: int = 0

    def add(self, item: _Item, path: Optional[Path] = None) -> None:
        """Count one more.

        item (_Item): What is kept if it is among the first.
        path (Optional[Path]): The file that it is from.
        """
        self.count += 1
        if len(self.first) < MAX_KEPT:
            self.first.append(item)
            self.paths.append(path)


@dataclass
class Log:
    """What there is to say about files. Its size does not grow with theirs, but with
    the number of labels.

    path (Optional[Path]): The file that is read at the moment. Readers of one file need
        not set it.
    problems (Dict[str, Tally[Problem]]): What could not be read, by kind.
    notes (Dict[str, Tally[int]]): What could be read but may surprise, with its lines.
    left_out (Dict[str, Tally[int]]): The lines that the annotator did not accept, by
        the answer given.
    lost (Tally[int]): The lines whose text could not be had.
    """

    path: Optional[Path] = None
    problems: Dict[str, Tally[Problem]] = field(default_factory=dict)
    notes: Dict[str, Tally[int]] = field(default_factory=dict)
    left_out: Dict[str, Tally[int]] = field(default_factory=dict)
    lost: Tally[int] = field(default_factory=Tally)
    _labels: Dict[str, Dict[str, str]] = field(default_factory=dict)
    _seen: Set[str] = field(default_factory=set)

    def report(self, problem: Problem) -> None:
        """Report a problem.

        problem (Problem): The problem.
        """
        self.problems.setdefault(problem.kind, Tally()).add(problem, self.path)

    def note(self, text: str, line: int) -> None:
        """Note what is no problem.

        text (str): What there is, in words that are the same for all such lines.
        line (int): Where it is.
        """
        self.notes.setdefault(text, Tally()).add(line, self.path)

    def leave_out(self, answer: str, line: int) -> None:
        """Note that a line is left out as the annotator wanted.

        answer (str): The annotator's answer.
        line (int): Which line.
        """
        self.left_out.setdefault(answer, Tally()).add(line, self.path)

    def lose(self, problem: Problem) -> None:
        """Report that a text could not be had.

        problem (Problem): Why not.
        """
        self.report(problem)
        self.lost.add(problem.line, self.path)

    def see_label(self, label: str, line: int) -> None:
        """Report a label if it is new and looks like another one.

        label (str): The label.
        line (int): Where it is used.
        """
        if label in self._seen:
            return
        self._seen.add(label)
        alike = self._labels.setdefault(appearance(label), {})
        if alike:
            other, place = next(iter(alike.items()))
            text = f"{label!r} looks like {other!r} of {place}"
            # What is invisible must be seen here, and that e and é are two characters.
            shown = text if text.isascii() else f"{text}: {label!a}, {other!a}"
            self.report(Problem(line, LOOK_ALIKE, shown))
        alike[label] = f"line {line}" if self.path is None else f"{self.path}:{line}"

    @property
    def n_problems(self) -> int:
        """RETURNS (int): How many problems there are."""
        return sum(tally.count for tally in self.problems.values())


def numbered_lines(text: str) -> Iterator[NumberedLine]:
    """Split a text into lines as `number_lines` does.

    text (str): The text.
    YIELDS (Tuple[int, str]): Each line's number, from 1, and the line without its end.
    """
    return number_lines(io.StringIO(text, newline=""))


def number_lines(pieces: Iterable[str]) -> Iterator[NumberedLine]:
    """Number lines. They end with a line feed, which may follow any number of carriage
    returns (Windows has one, Python's csv writer there leaves two), or with a carriage
    return alone (old Macs). Other characters that Unicode counts as line ends are left
    alone: they do occur within tokens. A byte-order mark at the start of a line comes
    from files that were put together.

    pieces (Iterable[str]): The text, cut after each LF, CR LF, or CR, as open files
        with the argument `newline=""` give it.
    YIELDS (Tuple[int, str]): Each line's number, from 1, and the line without its end.
    """
    number = 0
    # A line that ended with a carriage return alone, and how many more came directly
    # after it: blank lines, unless a line feed follows.
    held, n_blank = None, 0
    for piece in pieces:
        if held is not None:
            if piece == "\r":
                n_blank += 1
                continue
            is_one_end = piece == "\r\n"
            for line in [held] if is_one_end else [held, *[""] * n_blank]:
                number += 1
                yield number, line
            held, n_blank = None, 0
            if is_one_end:
                continue
        line = piece.rstrip("\r\n")
        if line[:1] == "\ufeff":
            line = line.lstrip("\ufeff")
        if piece[-1] == "\r":
            held = line
        else:
            number += 1
            yield number, line
    if held is not None:
        yield from enumerate([held, *[""] * n_blank], start=number + 1)
