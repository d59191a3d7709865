"""Find texts that occur more than once, by hashes of them."""

from hashlib import blake2b
from typing import Dict, Iterable, List, NamedTuple, Optional, Tuple

from spacy.tokens import Span


class Occurrence(NamedTuple):
    """Where a text has been seen first.

    file (str): The file.
    number (int): The number of the document in it.
    same_entities (bool): Whether it has the same entities there.
    """

    file: str
    number: int
    same_entities: bool


class TextKey(NamedTuple):
    """What stands for an annotated text, in a few bytes.

    text (bytes): The hash of the text; white space does not count.
    entities (bytes): The hash of the forms and labels of its entities.
    """

    text: bytes
    entities: bytes


class TextIndex:
    """The texts of a part of the data: some numbers each, whatever their length."""

    def __init__(self) -> None:
        self._files: List[str] = []
        self._first: Dict[bytes, Tuple[int, int, bytes]] = {}

    def find(self, key: TextKey) -> Optional[Occurrence]:
        """Look a text up.

        key (TextKey): The text.
        RETURNS (Optional[Occurrence]): Where it was first, or None.
        """
        found = self._first.get(key.text)
        if found is None:
            return None
        file, number, entities = found
        return Occurrence(self._files[file], number, entities == key.entities)

    def add(self, key: TextKey, file: str, number: int) -> None:
        """Add a text, unless it is there.

        key (TextKey): The text.
        file (str): The file that it is in.
        number (int): The number of the document in it.
        """
        if not self._files or self._files[-1] != file:
            self._files.append(file)
        place = (len(self._files) - 1, number, key.entities)
        self._first.setdefault(key.text, place)


def text_key(text: str, ents: Iterable[Span]) -> TextKey:
    """RETURNS (TextKey): What stands for a text with its entities."""
    # By what they say, since white space may move them.
    entities = [("".join(ent.text.split()), ent.label_) for ent in ents]
    return TextKey(_hash("".join(text.split())), _hash(repr(entities)))


def _hash(text: str) -> bytes:
    data = text.encode("utf8", errors="surrogatepass")
    return blake2b(data, digest_size=8).digest()
