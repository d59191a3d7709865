"""Read the records of a file of JSON: one a line, or those of one array."""

import json
from typing import Iterator, NamedTuple, Tuple

from .reading import Log, Problem
from .source import Source, UnreadableError
from .texts import NOT_AN_OBJECT

_DECODER = json.JSONDecoder()
_BLANKS = " \t\r\n"


class Record(NamedTuple):
    """A record.

    line (int): The line that it starts in.
    name (str): Which one it is, where lines do not tell: `"item 3"`.
    value (object): What it holds.
    """

    line: int
    name: str
    value: object


def read_records(source: Source, log: Log) -> Iterator[Record]:
    """Read the records of a file. Lines come one by one; of an array the text is in
    memory, and the records come one by one.

    source (Source): The file.
    log (Log): Where to report lines that are no JSON, and are lost.
    YIELDS (Record): The records.
    RAISES (UnreadableError): If an array is no JSON, or broken off.
    """
    if starts_with_array(source):
        yield from _read_array(source)
        return
    for number, line in source.lines():
        if line.strip():
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                log.lose(Problem(number, NOT_AN_OBJECT, repr(line)))
            else:
                yield Record(number, "", value)


def read_whole(source: Source) -> object:
    """Read a file that is one JSON value.

    source (Source): The file.
    RETURNS (object): The value, or None if there is more than one.
    """
    try:
        value: object = json.loads(_text_of(source))
    except (ValueError, RecursionError):
        return None
    return value


def starts_with_array(source: Source) -> bool:
    """Find out whether a file looks like one JSON array of records.

    source (Source): The file.
    RETURNS (bool): Whether an array starts in it, other than a line whose first item is
        a text.
    """
    first = next((line for _, line in source.lines() if line.strip()), "").strip()
    if not first.startswith("["):
        return False
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        return True
    # Lines such as ["text", {"entities": []}] are records themselves.
    return not value or not isinstance(value[0], str)


def _read_array(source: Source) -> Iterator[Record]:
    text = _text_of(source)
    position = _skip(text, text.index("[") + 1)
    line, counted, number = 1, 0, 0
    while text[position : position + 1] != "]":
        number += 1
        line += text.count("\n", counted, position)
        counted = position
        value, position = _decode(text, position)
        yield Record(line, f"item {number}", value)
        position = _skip(text, position)
        if text[position : position + 1] == ",":
            position = _skip(text, position + 1)
        elif text[position : position + 1] != "]":
            raise _broken(text, position, "Expecting , or ]")
    rest = _skip(text, position + 1)
    if rest < len(text):
        raise _broken(text, rest, "Extra data behind the array")


def _decode(text: str, position: int) -> Tuple[object, int]:
    try:
        return _DECODER.raw_decode(text, position)
    except json.JSONDecodeError as error:
        raise _broken(text, error.pos, error.msg) from error
    except RecursionError as error:
        raise _broken(text, position, "Too many brackets") from error


def _broken(text: str, position: int, message: str) -> UnreadableError:
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    return UnreadableError(
        f"it is no valid JSON at line {line}, column {column}: {message}. It may be "
        "broken off: export it again"
    )


def _skip(text: str, position: int) -> int:
    while text[position : position + 1] in _BLANKS and position < len(text):
        position += 1
    return position


def _text_of(source: Source) -> str:
    return "\n".join(line for _, line in source.lines())
