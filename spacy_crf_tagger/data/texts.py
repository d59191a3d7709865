"""Texts with labelled spans: what all the formats that have them share."""

import json
from typing import Any, Dict, List, Optional, Tuple

from spacy.tokens import Doc

from .invisible import clean_label
from .reading import Log, Problem
from .spans import CONFLICT, OVERLAP, CharSpan, guess_extent, set_entities

NOT_AN_OBJECT = "not a JSON object"
BAD_TEXT = "missing, empty or invalid text"
BAD_SPAN = "malformed span"
OTHER_TEXT = "span that covers another text than it says"
TRIMMED = "Read labels without the invisible characters around them, composed (NFC)"
ONLY_IN_GROUP = "Spans that are in the span group, but are no entities"
UTF16 = "Read offsets that count an emoji as two characters"


class Marks:
    """What is annotated in a text, as it is read. All that cannot be read goes into the
    log, and what it may cover will be missing.

    text (str): The text.
    line (int): The line of the file that it is from.
    log (Log): Where to report what could not be read.
    name (str): Which record of the line it is, where that needs to be said.
    spans_key (Optional[str]): The span group that gets all spans, overlapping or not.
    """

    def __init__(
        self,
        text: str,
        line: int,
        log: Log,
        name: str = "",
        *,
        spans_key: Optional[str] = None,
    ) -> None:
        self._text = text
        self._line = line
        self._log = log
        self._name = f"{name}: " if name else ""
        self._spans_key = spans_key
        self._spans: List[CharSpan] = []
        self._unknown: List[Tuple[int, int]] = []

    def add(
        self,
        start: object,
        end: object,
        label: object,
        culprit: object,
        *,
        covered: object = None,
        line: Optional[int] = None,
    ) -> None:
        """Add a span.

        start (object): Its first character.
        end (object): The character after its last.
        label (object): Its label.
        culprit (object): What to show if that is not what it must be.
        covered (object): The text that it covers, as far as the file has it.
        line (Optional[int]): The line that it is from, if not that of the text.
        """
        line = self._line if line is None else line
        cleaned = clean_label(str(label)) if is_usable(label) else ""
        # Not isinstance: true and false are no offsets.
        if type(start) is not int or type(end) is not int or not cleaned:
            extent = guess_extent(start, end, len(self._text))
            self.doubt(BAD_SPAN, repr(culprit), *extent, line=line)
            return
        if cleaned != label:
            self._log.note(TRIMMED, line)
        if isinstance(covered, str) and not self._covers(start, end, covered):
            first, last = from_utf16(self._text, start), from_utf16(self._text, end)
            if not self._covers(first, last, covered):
                found = CharSpan(start, end, cleaned).describe(self._text)
                # Nobody knows where else it is.
                self.doubt(OTHER_TEXT, f"{found}, not {covered!r}", line=line)
                return
            self._log.note(UTF16, line)
            start, end = first, last
        self._log.see_label(cleaned, line)
        self._spans.append(CharSpan(start, end, cleaned, line))

    def doubt(
        self,
        kind: str,
        culprit: str,
        start: int = 0,
        end: Optional[int] = None,
        *,
        line: Optional[int] = None,
    ) -> None:
        """Report what cannot be read, and leave open what is annotated there.

        kind (str): What is wrong, in words that are the same for all such problems.
        culprit (str): What it is wrong with.
        start (int): The first character that it may concern.
        end (Optional[int]): The character after the last; by default that of the text.
        line (Optional[int]): Where it is, if not in the line of the text.
        """
        line = self._line if line is None else line
        self._log.report(Problem(line, kind, f"{self._name}{culprit}"))
        self.leave_open(start, end)

    def leave_open(self, start: int = 0, end: Optional[int] = None) -> None:
        """Leave open what is annotated in a part of the text.

        start (int): The first character.
        end (Optional[int]): The character after the last; by default that of the text.
        """
        self._unknown.append((start, len(self._text) if end is None else end))

    def apply(self, doc: Doc) -> Doc:
        """Set the entities of a document, and report the spans that do not fit.

        doc (Doc): A document of the text.
        RETURNS (Doc): The same document.
        """
        for fault in set_entities(doc, self._spans, self._unknown, self._spans_key):
            if self._spans_key is not None and fault.kind in (OVERLAP, CONFLICT):
                self._log.note(ONLY_IN_GROUP, fault.line)
                continue
            text = f"{self._name}{fault.text}"
            self._log.report(Problem(fault.line, fault.kind, text))
        return doc

    def _covers(self, start: int, end: int, covered: str) -> bool:
        # Tools write line ends and rows of blanks in various ways.
        found = self._text[max(start, 0) : max(end, 0)]
        return found.split() == covered.split()


def parse_object(line: str) -> Optional[Dict[str, Any]]:
    """Read a JSON object.

    line (str): The line that it is.
    RETURNS (Optional[Dict[str, Any]]): The object, or None if it is none.
    """
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def is_usable(value: object) -> bool:
    """Find out whether spaCy can store a value as a string. JSON may hold halves of
    surrogate pairs, which have no encoding.

    value (object): The value.
    RETURNS (bool): Whether it is a string that is not empty and has an encoding.
    """
    if not isinstance(value, str) or not value:
        return False
    try:
        value.encode("utf8")
    except UnicodeEncodeError:
        return False
    return True


def from_utf16(text: str, offset: int) -> int:
    """Find out where a unit of UTF-16 is, as Java and JavaScript count.

    text (str): The text.
    offset (int): The number of units before it.
    RETURNS (int): The number of characters before it.
    """
    if text.isascii():
        return offset
    units = text.encode("utf-16-le")[: 2 * max(offset, 0)]
    return len(units.decode("utf-16-le", "ignore"))
