"""Read the sentences of a file with tags, and report what is wrong in them."""

from dataclasses import dataclass, field
from typing import Dict, Iterable, Iterator, List, Optional, Tuple

from .columns import (
    BLANKS,
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
_MOST_KNOWN = 1 << 16


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
    spaces (List[bool]): Whether a blank follows each token; empty if nobody knows.
    """

    words: List[Optional[str]] = field(default_factory=list)
    tags: List[Tag] = field(default_factory=list)
    lines: List[int] = field(default_factory=list)
    problems: List[Problem] = field(default_factory=list)
    trimmed: List[int] = field(default_factory=list)
    comments: List[int] = field(default_factory=list)
    starts_document: bool = False
    spaces: List[bool] = field(default_factory=list)

    @property
    def n_remarks(self) -> int:
        """RETURNS (int): How much there is to say about it."""
        return len(self.problems) + len(self.trimmed) + len(self.comments)

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


class SentenceReader:
    """Reads sentences: a token a line, ended by blank lines, or a sentence a line where
    the layout has pipes. `-DOCSTART-` starts a document.

    layout (Layout): How the lines are made.
    label_column (int): The column of the tag, from 0, or backwards from -1.
    """

    def __init__(self, layout: Layout, label_column: int = -1) -> None:
        self._layout = layout
        self._label_column = label_column
        # Most lines of a text occur more than once, and all are read twice.
        self._known: Dict[str, Tuple[str, Tag]] = {}

    def read(self, lines: Iterable[NumberedLine]) -> Iterator[Sentence]:
        """Read the lines of a file.

        lines (Iterable[Tuple[int, str]]): The numbered lines.
        YIELDS (Sentence): The sentences, some of which may have no words.
        """
        known, has_pipes = self._known, self._layout.has_pipes
        sentence = Sentence()
        for number, line in lines:
            token = known.get(line)
            if token is not None:
                sentence.words.append(token[0])
                sentence.tags.append(token[1])
                sentence.lines.append(number)
            elif is_blank(line):
                if sentence.words:
                    yield sentence
                    sentence = Sentence()
            elif line.startswith(_DOCUMENT_START):
                yield sentence
                sentence = Sentence(starts_document=True)
            elif has_pipes:
                yield sentence
                sentence = Sentence()
                _add_items(sentence, number, line, self._layout)
            else:
                n_remarks = sentence.n_remarks
                _add_line(sentence, number, line, self._layout, self._label_column)
                is_plain = n_remarks == sentence.n_remarks and line[0] != "#"
                if is_plain and len(known) < _MOST_KNOWN:
                    known[line] = str(sentence.words[-1]), sentence.tags[-1]
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
    for item in filter(None, BLANKS.split(line)):
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
