"""The sentences of a file with tags, one by one, with what is wrong in them."""

import re
from dataclasses import dataclass, field
from typing import Iterable, Iterator, List, Optional

from .columns import (
    Layout,
    find_tag,
    hides_tag,
    is_blank,
    is_comment,
    looks_like_comment,
    split_columns,
)
from .invisible import strip_edges
from .iob import MISSING, UNREADABLE, Tag, parse_tag
from .reading import NumberedLine, Problem

NO_TOKEN = "no token"
TOO_FEW_COLUMNS = "too few columns"
TOO_MANY_COLUMNS = "more columns than usual"
UNKNOWN_TAG = "unknown tag"
EMPTY_TAG = "empty tag after what may be one (for missing annotation, write -)"
COMMENT_OR_TOKEN = "comment or token?"

_DOCUMENT_START = "-DOCSTART-"
_BLANKS = re.compile(r"[ \t]+")


@dataclass
class Sentence:
    """A sentence, or only what is wrong between two.

    words (List[Optional[str]]): The tokens; None where a line has none.
    tags (List[Tag]): The tag of each.
    lines (List[int]): The line of each.
    problems (List[Problem]): What could not be read.
    trimmed (List[int]): Lines whose tags had something invisible around them.
    comments (List[int]): Lines of comments.
    starts_document (bool): Whether a document starts with it.
    """

    words: List[Optional[str]] = field(default_factory=list)
    tags: List[Tag] = field(default_factory=list)
    lines: List[int] = field(default_factory=list)
    problems: List[Problem] = field(default_factory=list)
    trimmed: List[int] = field(default_factory=list)
    comments: List[int] = field(default_factory=list)
    starts_document: bool = False

    def add(self, line: int, word: Optional[str], tag: Tag) -> None:
        """Add a token.

        line (int): Its line.
        word (Optional[str]): The token, None if the line has none.
        tag (Tag): Its tag.
        """
        self.words.append(word)
        self.tags.append(tag)
        self.lines.append(line)

    def fail(self, line: int, word: Optional[str], kind: str, text: str) -> None:
        """Add a token whose tag cannot be read.

        line (int): Its line.
        word (Optional[str]): The token, None if the line has none.
        kind (str): What is wrong.
        text (str): What it is wrong with.
        """
        self.add(line, word, UNREADABLE)
        self.problems.append(Problem(line, kind, repr(text)))


def read_sentences(
    lines: Iterable[NumberedLine], layout: Layout, label_column: int = -1
) -> Iterator[Sentence]:
    """Read sentences: a token a line, ended by blank lines, or a sentence a line where
    the layout has pipes. `-DOCSTART-` starts a document.

    lines (Iterable[Tuple[int, str]]): The numbered lines.
    layout (Layout): How they are made.
    label_column (int): The column of the tag, from 0, or backwards from -1.
    YIELDS (Sentence): The sentences, some of which may have no words.
    """
    sentence = Sentence()
    for number, line in lines:
        if is_blank(line):
            if sentence.words:
                yield sentence
                sentence = Sentence()
        elif line.startswith(_DOCUMENT_START):
            yield sentence
            sentence = Sentence(starts_document=True)
        elif layout.has_pipes:
            yield sentence
            sentence = Sentence()
            _add_items(sentence, number, line, layout)
        else:
            _add_line(sentence, number, line, layout, label_column)
    yield sentence


def _add_line(
    sentence: Sentence, number: int, line: str, layout: Layout, label_column: int
) -> None:
    columns = split_columns(line, layout)
    text = find_tag(columns, layout, label_column)
    word = columns[0] or None
    if line.startswith("#"):
        at_start = not sentence.words
        if is_comment(line, columns, text, layout, at_start=at_start):
            sentence.comments.append(number)
            return
        if looks_like_comment(line):
            sentence.fail(number, word, COMMENT_OR_TOKEN, line)
            return
    if word is None:
        sentence.fail(number, None, NO_TOKEN, line)
    elif text is None:
        is_more = len(columns) > layout.n_columns
        kind = TOO_MANY_COLUMNS if is_more else TOO_FEW_COLUMNS
        sentence.fail(number, word, kind, line)
    elif is_blank(text) and columns[-1] == text and hides_tag(columns):
        sentence.fail(number, word, EMPTY_TAG, line)
    else:
        _add_tag(sentence, number, word, text, line)


def _add_tag(
    sentence: Sentence, number: int, word: Optional[str], text: str, culprit: str
) -> None:
    tag = parse_tag(text)
    if tag is None:
        sentence.fail(number, word, UNKNOWN_TAG, culprit)
        return
    sentence.add(number, word, tag)
    if tag != MISSING and strip_edges(text) != text.strip(" \t"):
        sentence.trimmed.append(number)


def _add_items(sentence: Sentence, number: int, line: str, layout: Layout) -> None:
    """Add the items of a line, `word|tag` or `word|pos|tag`."""
    if line.startswith("#") and "|" not in line:
        sentence.comments.append(number)
        return
    for item in filter(None, _BLANKS.split(line)):
        if is_blank(item):
            continue
        # Words may hold pipes; tags do not.
        word, *others = item.rsplit("|", layout.n_columns - 1)
        if len(others) < layout.n_columns - 1:
            sentence.fail(number, word or None, TOO_FEW_COLUMNS, item)
        elif not word:
            sentence.fail(number, None, NO_TOKEN, item)
        else:
            _add_tag(sentence, number, word, others[-1], item)
