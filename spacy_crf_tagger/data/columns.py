"""Lines of columns: how a file separates them, how many it has, what is a comment."""

import re
from collections import Counter
from itertools import islice
from typing import Iterable, Iterator, List, NamedTuple, Optional, Tuple

from .invisible import strip_edges
from .iob import MISSING, parse_tag
from .reading import NumberedLine

_LINES = 1 << 16
BLANKS = re.compile(r"[ \t]+")
# `# text = …`, as CoNLL-U and its kin have it.
_ASSIGNMENT = re.compile(r"#\s*[\w.:-]+\s*=")
# `# id 4f3…`, `#begin document (…)`: comments with a name but without a sign.
_NAMED = re.compile(
    r"#(\s+(doc|docid|document|id|lang|meta|newdoc|newpar|sent|sent_id|sentence|source"
    r"|text)\b(?=[ \t]+\S)|(begin|end)\s+document\b)",
    re.IGNORECASE,
)


class Layout(NamedTuple):
    """How the lines of a file are made.

    has_tabs (bool): Whether tabs separate columns, as against blanks.
    has_pipes (bool): Whether each line is a sentence of `word|tag`, or of `word|…|tag`.
    n_columns (int): How many columns there usually are.
    """

    has_tabs: bool
    has_pipes: bool
    n_columns: int


def is_blank(line: str) -> bool:
    """Find out whether nothing can be seen of a line.

    line (str): The line.
    RETURNS (bool): Whether it is blank to the eye.
    """
    # Nearly all lines need no closer look.
    is_seen = bool(line) and "!" <= line[0] <= "~"
    return not is_seen and not strip_edges(line)


def survey(lines: Iterable[NumberedLine]) -> Layout:
    """Find out how the lines of a file are made, from all of them: what most have is
    taken as what is meant. Comments have no say.

    lines (Iterable[Tuple[int, str]]): The numbered lines.
    RETURNS (Layout): Their layout.
    """
    tabbed: Counter[int] = Counter()  # by the number of columns
    visible: Counter[int] = Counter()  # without those at the end that look empty
    blanked: Counter[int] = Counter()
    parts: Counter[int] = Counter()  # of `word|pos|tag`, the fewest in a line
    for line, count in _count_lines(lines):
        if line.startswith("#") or is_blank(line):
            continue
        stripped = line.rstrip(" \t")
        if "\t" in stripped:
            columns = line.split("\t")
            tabbed[len(columns)] += count
            visible[_n_visible(columns)] += count
        else:
            columns = [column for column in stripped.split(" ") if column]
            if "|" in line and (n_parts := _count_parts(columns)):
                parts[n_parts] += count
            blanked[_n_visible(columns)] += count
    n_blanked = sum(blanked.values())
    if sum(parts.values()) * 2 > n_blanked + sum(tabbed.values()):
        return Layout(False, True, _most_common(parts))
    if sum(tabbed.values()) < n_blanked:
        return Layout(False, False, _most_common(blanked))
    # Lines may all end with a tab that separates nothing; but if some have a tag after
    # as many tabs, then it is missing from the others.
    usual = _most_common(tabbed)
    n_columns = usual if visible[usual] else _most_common(visible)
    return Layout(True, False, n_columns)


def split_columns(line: str, layout: Layout) -> List[str]:
    """Split a line. Only tabs and blanks separate: other whitespace may be a token, or
    part of one. Separators at the end of a line, and what cannot be seen after them,
    make no columns beyond the usual number.

    line (str): A line that is not blank.
    layout (Layout): How the lines of the file are made.
    RETURNS (List[str]): The columns, without blanks around them. The first is empty if
        the line starts with a tab.
    """
    if not layout.has_tabs:
        line = line.rstrip(" \t")
    if "\t" in line:
        columns = [column.strip(" ") or column for column in line.split("\t")]
        if not layout.has_tabs and len(columns) != layout.n_columns:
            columns = BLANKS.split(line)
    else:
        columns = [column for column in line.split(" ") if column]
    while len(columns) > max(layout.n_columns, 1) and is_blank(columns[-1]):
        columns.pop()
    return columns


def find_tag(columns: List[str], layout: Layout, label_column: int) -> Optional[str]:
    """Find the column of the tag.

    columns (List[str]): The columns of a line.
    layout (Layout): How the lines of the file are made.
    label_column (int): The column from 0, or backwards from -1.
    RETURNS (Optional[str]): The tag as it is written, or None if the line has another
        number of columns than is usual, so that nobody knows which one it is.
    """
    n_columns = layout.n_columns
    index = label_column if label_column >= 0 else n_columns + label_column
    is_usual = len(columns) == n_columns
    # Counted from the left, a tab-separated column is the same one in any line.
    is_fixed = layout.has_tabs and label_column >= 0
    return (
        columns[index] if 0 < index < len(columns) and (is_usual or is_fixed) else None
    )


def hides_tag(columns: List[str]) -> bool:
    """Find out whether a tag may be in another column than the last, which is empty.

    columns (List[str]): The columns of a line.
    RETURNS (bool): Whether the last word that can be seen would be a tag.
    """
    seen = [column for column in columns if not is_blank(column)]
    words = seen[-1].split() if seen else []
    is_token = len(seen) == 1 and len(words) < 2
    return bool(words) and not is_token and _is_tag(words[-1])


def is_comment(
    line: str, columns: List[str], tag: Optional[str], layout: Layout, *, at_start: bool
) -> bool:
    """Find out whether a line that starts with a number sign is a comment, rather than
    a token such as `#` or `#hashtag`. If both is possible it is no comment.

    line (str): The line.
    columns (List[str]): Its columns.
    tag (Optional[str]): Its tag, if it has the usual number of columns.
    layout (Layout): How the lines of the file are made.
    at_start (bool): Whether a sentence would start with it, as after a blank line.
    RETURNS (bool): Whether it is a comment.
    """
    has_tab = layout.has_tabs and "\t" in line
    has_sign = columns[0].startswith("# ") or columns[0] == "#"
    is_named = _ASSIGNMENT.match(line) is not None or (
        _NAMED.match(line) is not None and at_start
    )
    if tag is not None:
        if has_tab:
            return " " in columns[0] and not _is_tag(tag)
        if _is_tag(tag):
            return is_named
        return is_named or (has_sign and at_start)
    if is_named or (has_sign and layout.has_tabs and not has_tab):
        return True
    last = parse_tag(columns[-1])
    is_entity = last is not None and bool(last.label)
    return has_sign and at_start and not is_entity


def looks_like_comment(line: str) -> bool:
    """Find out whether a line that is read as a token has the form of a comment.

    line (str): The line.
    RETURNS (bool): Whether it might be one.
    """
    return line.startswith("# ") and bool(_ASSIGNMENT.match(line) or _NAMED.match(line))


def _count_lines(lines: Iterable[NumberedLine]) -> Iterator[Tuple[str, int]]:
    """YIELDS (Tuple[str, int]): Lines, and how often each occurs nearby."""
    texts = (line for _, line in lines)
    while counts := Counter(islice(texts, _LINES)):
        yield from counts.items()


def _is_tag(text: str) -> bool:
    tag = parse_tag(text)
    return tag is not None and tag != MISSING


def _n_visible(columns: List[str]) -> int:
    n = len(columns)
    while n and is_blank(columns[n - 1]):
        n -= 1
    return n


def _count_parts(items: List[str]) -> int:
    """RETURNS (int): How many parts each item has that pipes separate, if most of them
    end with a tag, otherwise 0.
    """
    numbers = []
    for item in items:
        _, *others = item.split("|")
        if others and _is_tag(others[-1]):
            numbers.append(1 + len(others))
    # Words may hold pipes, and some tags may be unreadable.
    return min(*numbers, 3) if 2 * len(numbers) > len(items) else 0


def _most_common(counts: "Counter[int]") -> int:
    """RETURNS (int): The most common number of columns, leaving lines without a tag out
    where there are others.
    """
    with_tag = {n: count for n, count in counts.items() if n > 1} or counts
    return max(with_tag, key=lambda n: with_tag[n], default=0)
