"""The pieces of words that have no vector, in a table of vectors that has pieces."""

import weakref
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.strings import StringStore, get_string_id
from spacy.vectors import Vectors
from spacy.vocab import Vocab

from .piece_split import MARK, PieceIndex

_MARK_KEY = get_string_id(MARK)
_MOST_REMEMBERED = 100_000


class PieceRows(NamedTuple):
    """The rows of a table that the vectors of words are the means of.

    rows (NDArray[int]): The rows of the pieces of all words, word by word, [pieces].
    lengths (NDArray[int]): How many pieces each word has, [words].
    """

    rows: NDArray[np.int64]
    lengths: NDArray[np.int64]


class _Table:
    """What is known of a table of vectors, as long as it has the same keys.

    owner (Any): A weak reference to the numbers of the table.
    n_keys (int): How many keys it has.
    """

    def __init__(self, vectors: Vectors, strings: StringStore, owner: Any) -> None:
        self.owner = owner
        self.n_keys = len(vectors.key2row)
        self._index = PieceIndex(_name_keys(vectors, strings))
        self._split: Dict[str, List[int]] = {}

    def split(self, word: str) -> List[int]:
        """RETURNS (List[int]): The keys of the pieces of a word."""
        keys = self._split.get(word)
        if keys is None:
            if len(self._split) >= _MOST_REMEMBERED:
                self._split.clear()
            keys = self._split[word] = self._index.split(word)
        return keys


_tables: Dict[int, _Table] = {}


def has_pieces(vectors: Vectors) -> bool:
    """RETURNS (bool): Whether a table has pieces for words without a vector."""
    return _MARK_KEY in vectors.key2row


def find_piece_rows(vocab: Vocab, keys: NDArray[np.uint64]) -> PieceRows:
    """Split words into pieces whose vectors are in the table of a vocab.

    vocab (Vocab): The vocab, whose table has pieces.
    keys (NDArray[uint64]): The hashes of the words.
    RETURNS (PieceRows): The rows of their pieces.
    """
    vectors: Vectors = vocab.vectors
    table = _table_of(vectors, vocab.strings)
    row_of = vectors.key2row.get
    by_word: List[List[int]] = []
    for key in keys.tolist():
        rows = map(row_of, table.split(vocab.strings[key]))
        by_word.append([row for row in rows if row is not None])
    lengths = np.array([len(rows) for rows in by_word], dtype=np.int64)
    flat = np.array([row for rows in by_word for row in rows], dtype=np.int64)
    return PieceRows(flat, lengths)


def _table_of(vectors: Vectors, strings: StringStore) -> _Table:
    data = vectors.data
    table = _tables.get(id(data))
    if (
        table is None
        or table.owner() is not data
        or table.n_keys != len(vectors.key2row)
    ):
        place = id(data)
        owner = weakref.ref(data, lambda gone: _forget(place, gone))
        table = _tables[place] = _Table(vectors, strings, owner)
    return table


def _forget(place: int, owner: Any) -> None:
    table = _tables.get(place)
    if table is not None and table.owner is owner:
        del _tables[place]


def _name_keys(vectors: Vectors, strings: StringStore) -> Iterator[Tuple[str, int]]:
    """YIELDS (Tuple[str, int]): The words and pieces of a table, with their keys."""
    for key in list(vectors.key2row):
        if key != _MARK_KEY and key in strings:
            yield strings[key], key
