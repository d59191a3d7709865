"""What is made from an array of weights is kept as long as the array stays the same."""

import weakref
from typing import Any, Callable, Dict, Generic, Tuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Made = TypeVar("Made")
Array = NDArray[np.float32]
Fingerprint = Tuple[int, bytes]
# A prime, for a sample from all columns of a matrix of any usual width.
_SAMPLED = 29


class Kept(Generic[Made]):
    """Keeps what was made from arrays, to be used until they change or vanish.

    Anyone may change weights in place, and Thinc's optimizer does. A fingerprint tells:
    to find it takes a small part of the time of making something from them.
    """

    def __init__(self, make: Callable[..., Made]) -> None:
        """Keep nothing yet.

        make (Callable[[NDArray[float32], …], Any]): Makes something from an array, and
            from what else decides on it.
        """
        self._make = make
        self._kept: Dict[Tuple[Any, ...], Tuple[Any, Fingerprint, Made]] = {}

    def __call__(self, array: Array, *options: Any) -> Made:
        """Get what is made from an array.

        array (NDArray[float32]): The array.
        *options (Any): What else decides on it; can be hashed.
        RETURNS (Any): The same as before, if the array is.
        """
        key = (id(array), *options)
        found = self._kept.get(key)
        # Before it is read: another thread may change it meanwhile.
        fingerprint = fingerprint_of(array)
        if found is not None and found[0]() is array and found[1] == fingerprint:
            return found[2]
        made = self._make(array, *options)
        owner = weakref.ref(array, lambda gone: self._forget(key, gone))
        self._kept[key] = owner, fingerprint, made
        return made

    def _forget(self, key: Tuple[Any, ...], owner: Any) -> None:
        found = self._kept.get(key)
        if found is not None and found[0] is owner:
            del self._kept[key]


def fingerprint_of(array: Array) -> Fingerprint:
    """RETURNS (Tuple[int, bytes]): The sum of all bits, as of whole numbers, which any
    number that changes by itself changes; and a sample, which tells when some change
    places.
    """
    flat = array.reshape(-1)
    word = np.uint64 if flat.size % 2 == 0 else np.uint32
    return int(np.add.reduce(flat.view(word))), flat[::_SAMPLED].tobytes()
