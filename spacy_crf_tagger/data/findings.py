"""What checks of a corpus find, and where."""

from dataclasses import dataclass, field, fields
from typing import Any, Dict, List, NamedTuple, Optional

# Of each kind in each part; the others are counted.
MOST_PLACES = 100
_CONTEXT = 40  # characters on either side


class Place(NamedTuple):
    """Where something is found.

    file (str): The file, or the corpus where its reader does not say.
    document (int): The number of the document in it, from 1.
    start (int): The first character in the document.
    end (int): The character after the last.
    found (str): The text between, or the text of the document from its beginning.
    label (str): The label of the entity, or a note on the document.
    context (str): The text around.
    """

    file: str
    document: int
    start: int
    end: int
    found: str
    label: str
    context: str


@dataclass(frozen=True)
class Finding:
    """Something to know about a corpus before it is trained on.

    kind (str): Its kind, for programs.
    harm (bool): Whether it does harm: to what is learned, or to what scores say.
    part (Optional[str]): The part of the data that it is in, if it is in one.
    count (int): How many there are.
    message (str): What it is.
    advice (str): What it does, and what can be done.
    places (List[Place]): Where the first ones are.
    """

    kind: str
    harm: bool
    part: Optional[str]
    count: int
    message: str
    advice: str = ""
    places: List[Place] = field(default_factory=list)

    def to_dict(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): The finding in plain values."""
        places = [place._asdict() for place in self.places]
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        return {**plain, "places": places}


class Places:
    """Places of one kind: all of them counted, and the first ones kept."""

    def __init__(self) -> None:
        self.count = 0
        self.first: List[Place] = []

    def add(self, place: Place) -> None:
        """Add a place.

        place (Place): The place.
        """
        self.count += 1
        if len(self.first) < MOST_PLACES:
            self.first.append(place)


def place_in_text(
    text: str, start: int, end: int, label: str, file: str, document: int
) -> Place:
    """RETURNS (Place): Where a part of a text is."""
    context = text[max(0, start - _CONTEXT) : end + _CONTEXT].strip()
    return Place(file, document, start, end, text[start:end], label, context)


def place_of_text(text: str, note: str, file: str, document: int) -> Place:
    """RETURNS (Place): Where a text is, with its beginning, and a note in the place of
    a label.
    """
    head = text[: 2 * _CONTEXT].strip()
    return Place(file, document, 0, len(text), head, note, head)
