"""Read the named entities of CoNLL-U Plus files."""

import re
from typing import Dict, Iterator, List, NamedTuple, Optional

from spacy.tokens import Doc
from spacy.vocab import Vocab

from .iob import MISSING, NO_ENTITY, Tag, parse_tag
from .reading import Lines, Log
from .sentences import (
    NO_TOKEN,
    TOO_FEW_COLUMNS,
    TOO_MANY_COLUMNS,
    UNKNOWN_TAG,
    Sentence,
)
from .source import UnreadableError
from .tagged import read_tagged

INNER_BORDER = "entity that starts or ends within a token"

_COLUMNS = re.compile(r"#\s*global\.columns\s*=\s*(.*)")
_DOCUMENT = re.compile(r"#\s*newdoc\b")
_ENTITIES = re.compile(r"(.*:)?(NER?|NER?_?TAGS?|ENTITY|IOB|BIO)", re.IGNORECASE)
_WORD = re.compile(r"\d+")
_RANGE = re.compile(r"(\d+)-(\d+)")
_NO_SPACE = "SpaceAfter=No"
_UNKNOWN, _NONE = "_", "*"


class _Columns(NamedTuple):
    """Which column has what; `misc` may be lacking."""

    number: int
    form: int
    tag: int
    misc: Optional[int]
    total: int


def is_conllu_plus(line: str) -> bool:
    """Find out whether a file is CoNLL-U Plus.

    line (str): Its first line.
    RETURNS (bool): Whether it names the columns.
    """
    return _COLUMNS.match(line) is not None


def read_conllu_plus(
    lines: Lines, vocab: Vocab, log: Log, *, n_sents: int = 1, label_column: int = -1
) -> Iterator[Doc]:
    """Read CoNLL-U Plus, of which one column has tags of entities. Multiword tokens
    are tokens, and not the words that they consist of; empty nodes are none. `_` is
    missing annotation, and `*` no entity.

    lines (Callable[[], Iterator[Tuple[int, str]]]): Gives the numbered lines.
    vocab (Vocab): The vocabulary for the documents.
    log (Log): Where to report what could not be read; its tokens are missing.
    n_sents (int): Sentences to put into one Doc; 0 for all of a document, from one
        `# newdoc` to the next.
    label_column (int): The column of the tag, from 0; found by its name if it is -1.
    YIELDS (Doc): The documents.
    RAISES (UnreadableError): If the columns are not named, or none is for entities.
    """
    columns = _find_columns(lines, label_column)
    yield from read_tagged(
        lambda _: _read_sentences(lines, columns), vocab, log, n_sents=n_sents
    )


def _find_columns(lines: Lines, label_column: int) -> _Columns:
    match = None
    for _, line in lines():
        if line.strip():
            match = _COLUMNS.match(line)
            break
    if match is None:
        raise UnreadableError("its first line is not: # global.columns = ID FORM …")
    names = match[1].split()
    found = [i for i, name in enumerate(names) if _ENTITIES.fullmatch(name)]
    if label_column != -1:
        count = len(names)
        found = [label_column % count] if -count <= label_column < count else []
    if "ID" not in names or "FORM" not in names or len(found) != 1:
        raise UnreadableError(
            f"its columns are {' '.join(names)}. It must have ID, FORM and one with "
            "tags of entities, called NER; --label-column says which if it has another "
            "name"
        )
    misc = names.index("MISC") if "MISC" in names else None
    form = names.index("FORM")
    return _Columns(names.index("ID"), form, found[0], misc, len(names))


class _Sentence:
    """A sentence that is being read."""

    def __init__(self) -> None:
        self.sentence = Sentence()
        self._last_of_range = 0
        self._range_line = 0
        self._range: List[str] = []
        self._parts: List[Optional[Tag]] = []

    def add(self, number: int, line: str, columns: _Columns) -> None:
        """Add a line that is no comment."""
        cells = line.split("\t")
        if len(cells) != columns.total:
            is_more = len(cells) > columns.total
            kind = TOO_MANY_COLUMNS if is_more else TOO_FEW_COLUMNS
            self.sentence.fail(number, None, kind, line)
            return
        match = _RANGE.fullmatch(cells[columns.number])
        if match is not None:
            self.finish_range(columns)
            self._last_of_range, self._range_line = int(match[2]), number
            self._range, self._parts = cells, []
        elif _WORD.fullmatch(cells[columns.number]) is None:
            return  # an empty node
        elif int(cells[columns.number]) <= self._last_of_range:
            self._parts.append(_parse(cells[columns.tag]))
            if int(cells[columns.number]) == self._last_of_range:
                self.finish_range(columns)
        else:
            self._add_token(number, cells, _parse(cells[columns.tag]), columns)

    def finish_range(self, columns: _Columns) -> None:
        """Add the multiword token whose words have been read."""
        if not self._range:
            return
        cells, own = self._range, _parse(self._range[columns.tag])
        self._range, self._last_of_range = [], 0
        is_tagged = cells[columns.tag] not in (_UNKNOWN, _NONE)
        tag = own if is_tagged else _join(self._parts)
        if not is_tagged and tag is None and None not in self._parts:
            text = f"{cells[columns.form]}: {', '.join(map(str, self._parts))}"
            self.sentence.fail(
                self._range_line, cells[columns.form], INNER_BORDER, text
            )
            self._add_space(cells, columns)
            return
        self._add_token(self._range_line, cells, tag, columns)

    def _add_token(
        self, number: int, cells: List[str], tag: Optional[Tag], columns: _Columns
    ) -> None:
        word = cells[columns.form].strip()
        line = "\t".join(cells)
        if not word:
            self.sentence.fail(number, None, NO_TOKEN, line)
            return
        if tag is None:
            self.sentence.fail(number, word, UNKNOWN_TAG, line)
        else:
            self.sentence.add(number, word, tag)
        self._add_space(cells, columns)

    def _add_space(self, cells: List[str], columns: _Columns) -> None:
        if columns.misc is not None:
            is_joined = _NO_SPACE in cells[columns.misc].split("|")
            self.sentence.spaces.append(not is_joined)


def _read_sentences(lines: Lines, columns: _Columns) -> Iterator[Sentence]:
    current = _Sentence()
    for number, line in lines():
        if line.startswith("#"):
            # A comment before the first token of a sentence.
            if _DOCUMENT.match(line):
                current.sentence.starts_document = True
        elif line.strip():
            current.add(number, line, columns)
        else:
            current.finish_range(columns)
            if current.sentence.words:
                yield current.sentence
                current = _Sentence()
    current.finish_range(columns)
    yield current.sentence


def _parse(text: str) -> Optional[Tag]:
    return _KNOWN.get(text) or parse_tag(text)


_KNOWN: Dict[str, Tag] = {_UNKNOWN: MISSING, _NONE: NO_ENTITY}


def _join(tags: List[Optional[Tag]]) -> Optional[Tag]:
    """RETURNS (Optional[Tag]): The tag of a token that consists of words with tags;
    None if an entity starts or ends within it.
    """
    known = [tag for tag in tags if tag is not None]
    if not known or len(known) < len(tags):
        return None if tags else MISSING
    first, last = known[0], known[-1]
    if len(set(known)) == 1 and not first.label:
        return first
    is_one = all(tag.label == first.label and tag.label for tag in known)
    continues = all(tag.position in "IL" for tag in known[1:])
    if not is_one or not continues or any(tag.position in "LU" for tag in known[:-1]):
        return None
    is_whole = first.position == "B" and last.position == "L"
    if is_whole:
        return Tag("U", first.label)
    return Tag("L", first.label) if last.position == "L" else first
