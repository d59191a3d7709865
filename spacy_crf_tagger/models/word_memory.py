"""Remember the vectors of words: most words of a text have been in others before."""

from threading import Lock
from typing import Tuple

import numpy as np
from numpy.typing import NDArray

from .kernels.kept import Kept

Keys = NDArray[np.uint64]
Singles = NDArray[np.float32]
# 2^14 words, which is 6 MB of vectors of width 96.
_N_BITS = 14


class WordMemory:
    """The vectors of words that were embedded last. Each word has one place, which it
    shares with others; the last one has it.
    """

    def __init__(self, width: int) -> None:
        """Remember nothing yet.

        width (int): The width of the vectors.
        """
        self._keys = np.zeros(2**_N_BITS, dtype=np.uint64)
        self._vectors = np.zeros((2**_N_BITS, width), dtype=np.float32)
        self._lock = Lock()

    def recall(self, keys: Keys) -> Tuple[Singles, NDArray[np.bool_]]:
        """Look for words.

        keys (NDArray[uint64]): The hashes of the words, [V].
        RETURNS (Tuple[NDArray[float32], NDArray[bool]]): A vector for each word,
            [V, width], and whether it is the word's, [V].
        """
        places = _places_of(keys)
        with self._lock:
            found = self._keys[places] == keys
            vectors = self._vectors[places]
        # Zero is the key of no word.
        return vectors, found & (keys != 0)

    def keep(self, keys: Keys, vectors: Singles) -> None:
        """Remember words.

        keys (NDArray[uint64]): Their hashes, [V].
        vectors (NDArray[float32]): Their vectors, [V, width].
        """
        places = _places_of(keys)
        # Of several words with the same place, the last one.
        order = np.unique(places[::-1], return_index=True)[1]
        last = len(places) - 1 - order
        with self._lock:
            self._keys[places[last]] = keys[last]
            self._vectors[places[last]] = vectors[last]


def _places_of(keys: Keys) -> Keys:
    places: Keys = keys >> np.uint64(64 - _N_BITS)
    return places


def _remember_nothing(*weights_and_rest: object) -> WordMemory:
    *_, width, _clusters, _attrs = weights_and_rest
    assert isinstance(width, int)
    return WordMemory(width)


# Of a model: by all of its weights, their width, and what else decides on vectors, the
# clusters and the attributes.
memory_of = Kept(_remember_nothing)
