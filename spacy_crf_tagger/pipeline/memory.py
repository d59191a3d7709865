"""What was found out about documents before, as far as there is room."""

from hashlib import blake2b
from typing import Callable, Dict, Generic, List, Sequence, TypeVar

from spacy.attrs import ORTH, SPACY
from spacy.tokens import Doc

Item = TypeVar("Item")


class DocMemory(Generic[Item]):
    """Remembers something about each document, by its tokens. Once it is full, it
    keeps what it has, and finds out about others anew.
    """

    def __init__(self, max_bytes: int, size_of: Callable[[Item], int]) -> None:
        """Create an empty memory.

        max_bytes (int): How much fits into it.
        size_of (Callable[[Item], int]): How many bytes something has.
        """
        self._room = max_bytes
        self._size_of = size_of
        self._items: Dict[bytes, Item] = {}

    def recall(
        self, docs: Sequence[Doc], find: Callable[[List[Doc]], List[Item]]
    ) -> List[Item]:
        """Recall what is known of documents, and find out what is not.

        docs (Sequence[Doc]): The documents.
        find (Callable[[List[Doc]], List[Item]]): Finds it out.
        RETURNS (List[Item]): What there is of each document.
        """
        keys = [_key_of(doc) for doc in docs]
        new = {
            key: doc
            for key, doc in zip(keys, docs, strict=True)
            if key not in self._items
        }
        found = find(list(new.values())) if new else []
        fresh = dict(zip(new, found, strict=True))
        items = [fresh[key] if key in fresh else self._items[key] for key in keys]
        for key, item in fresh.items():
            size = self._size_of(item)
            if size <= self._room:
                self._items[key] = item
                self._room -= size
        return items


def _key_of(doc: Doc) -> bytes:
    """RETURNS (bytes): What documents of the same tokens have in common."""
    tokens = doc.to_array([ORTH, SPACY]).tobytes()
    return blake2b(tokens, digest_size=16).digest()
