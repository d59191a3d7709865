"""What a file of WebAnno TSV 3 holds: layers, a text in sentences, and units of it with
the values that the layers give them.
"""

import re
from dataclasses import dataclass, field
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from .reading import NumberedLine

_LAYER = re.compile(r"#T_(SP|CH|RL)=([^|]*)\|?(.*)")
_TEXT = "#Text="
_UNIT = re.compile(r"\d+-\d+(\.\d+)?")
_EXTENT = re.compile(r"(\d+)-(\d+)")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_STACK = re.compile(r"((?:\\.|[^\\|])*)(?:\||$)")
_VALUE = re.compile(r"((?:\\.|[^\\\[])*)(?:\[(\d+)\])?")
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f"}
_NO_ANNOTATION, _NO_VALUE = "_", "*"
_FIRST_COLUMN = 3  # after the number, the extent and the text of a unit


class Layer(NamedTuple):
    """A layer of annotation.

    kind (str): `SP` for spans, `CH` for chains, `RL` for relations.
    name (str): Its full name.
    features (List[str]): What it says, each in a column.
    column (int): The first of its columns.
    """

    kind: str
    name: str
    features: List[str]
    column: int


class Value(NamedTuple):
    """A value that a unit has.

    label (Optional[str]): The value; None if the annotation is there without one.
    number (Optional[str]): Which annotation it is part of, if it has more units or is
        one of several.
    """

    label: Optional[str]
    number: Optional[str]


@dataclass
class Sentence:
    """A sentence.

    line (int): Its line.
    text (str): Its text.
    units (List[Tuple[int, List[str]]]): The line and the columns of each unit: tokens,
        and parts of tokens.
    """

    line: int
    text: str
    units: List[Tuple[int, List[str]]] = field(default_factory=list)


def parse_layers(header: List[str]) -> List[Layer]:
    """Read the layers of a file.

    header (List[str]): The lines at its beginning.
    RETURNS (List[Layer]): The layers, in the order of their columns.
    """
    layers: List[Layer] = []
    column = _FIRST_COLUMN
    for match in filter(None, map(_LAYER.match, header)):
        kind, name, features = match.groups()
        # A layer without features has a column as well.
        names = features.split("|")
        layers.append(Layer(kind, name, names, column))
        column += len(names)
    return layers


def parse_sentences(
    lines: Iterator[NumberedLine], header: List[str]
) -> Iterator[Sentence]:
    """Read the sentences of a file.

    lines (Iterator[Tuple[int, str]]): The numbered lines.
    header (List[str]): Gets the lines before the first sentence.
    YIELDS (Sentence): The sentences. Lines that are no units are among their units.
    """
    current: Optional[Sentence] = None
    for number, line in lines:
        if line.startswith(_TEXT):
            text = unescape(line.removeprefix(_TEXT))
            if current is not None and not current.units:
                current.text += f"\n{text}"  # a line of the same sentence
                continue
            if current is not None:
                yield current
            current = Sentence(number, text)
        elif current is None:
            header.append(line)
        elif line.strip() and not line.startswith("#"):
            current.units.append((number, line.split("\t")))
    if current is not None:
        yield current


def parse_extent(cells: List[str]) -> Optional[Tuple[int, int]]:
    """Find out where a unit is.

    cells (List[str]): Its columns.
    RETURNS (Optional[Tuple[int, int]]): Its first unit of UTF-16 and the one after its
        last, or None if the line is none of a unit.
    """
    if len(cells) < _FIRST_COLUMN or not _UNIT.fullmatch(cells[0]):
        return None
    match = _EXTENT.fullmatch(cells[1])
    return None if match is None else (int(match[1]), int(match[2]))


def parse_values(cell: str) -> List[Value]:
    """Read the values that a unit has in a column.

    cell (str): The column, where `|` separates annotations of the same unit.
    RETURNS (List[Value]): The values.
    """
    values: List[Value] = []
    for match in _STACK.finditer(cell):
        parts = _VALUE.fullmatch(match[1])
        if not match[1] or match[1] == _NO_ANNOTATION:
            continue
        label, number = (match[1], None) if parts is None else parts.groups()
        values.append(Value(None if label == _NO_VALUE else unescape(label), number))
    return values


def unescape(text: str) -> str:
    """Read a text in which a backslash is before what would mean something else.

    text (str): The text as it is written.
    RETURNS (str): The text that is meant.
    """
    return _ESCAPED.sub(lambda match: _CONTROLS.get(match[1], match[1]), text)


def group_values(
    units: List[Tuple[int, Tuple[int, int], List[Value]]],
) -> List[Tuple[int, int, int, Optional[str]]]:
    """Join the units of each annotation.

    units (List[Tuple[int, Tuple[int, int], List[Value]]]): The line, the extent and the
        values of each unit.
    RETURNS (List[Tuple[int, int, int, Optional[str]]]): Line, start, end and label of
        each annotation.
    """
    found: Dict[object, Tuple[int, int, int, Optional[str]]] = {}
    for line, (start, end), values in units:
        for value in values:
            key: object = value.number or (line, len(found))
            if key in found:
                first, begin, last, label = found[key]
                found[key] = (first, min(begin, start), max(last, end), label)
            else:
                found[key] = (line, start, end, value.label)
    return list(found.values())
