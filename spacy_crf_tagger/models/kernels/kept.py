"""What is made from arrays of weights is kept as long as they stay the same."""

import weakref
from dataclasses import dataclass
from typing import Any, Callable, Dict, Generic, Sequence, Tuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Made = TypeVar("Made")
Array = NDArray[np.float32]
# Of weights up to so many all are looked at, and of more about so many.
_FEW = 2**13
_SAMPLE = 200


class Kept(Generic[Made]):
    """Keeps what was made from arrays, to be used until they change or vanish.

    Anyone may change weights in place, and Thinc's optimizer does. A sample of them
    tells: to look at all takes as long as to multiply by them.
    """

    def __init__(self, make: Callable[..., Made]) -> None:
        """Keep nothing yet.

        make (Callable[[…], Any]): Makes something from arrays, and from what else
            decides on it.
        """
        self._make = make
        self._kept: Dict[Any, _Entry[Made]] = {}

    def __call__(self, arrays: Sequence[Array], *options: Any) -> Made:
        """Get what is made from arrays.

        arrays (Sequence[NDArray[float32]]): The arrays, one at least.
        *options (Any): What else decides on it; can be hashed.
        RETURNS (Any): The same as before, if the arrays are.
        """
        key = (*map(id, arrays), *options)
        entry = self._kept.get(key)
        if entry is not None and entry.is_of(arrays):
            return entry.made
        # Before they are read: another thread may change them meanwhile.
        sample = _bytes_of(arrays)
        made = self._make(*arrays, *options)
        owners = tuple(
            weakref.ref(array, lambda gone: self._forget(key, gone)) for array in arrays
        )
        self._kept[key] = _Entry(owners, sample, made)
        return made

    def _forget(self, key: Any, owner: Any) -> None:
        entry = self._kept.get(key)
        if entry is not None and any(own is owner for own in entry.owners):
            del self._kept[key]


@dataclass(frozen=True)
class _Entry(Generic[Made]):
    """What was made from arrays.

    owners (Tuple[weakref.ref, …]): The arrays.
    sample (bytes): Some of their numbers.
    made (Any): What was made.
    """

    owners: Tuple[Any, ...]
    sample: bytes
    made: Made

    def is_of(self, arrays: Sequence[Array]) -> bool:
        """RETURNS (bool): Whether it was made from these arrays as they are now."""
        for owner, array in zip(self.owners, arrays, strict=True):
            if owner() is not array:
                return False
        return _bytes_of(arrays) == self.sample


def _bytes_of(arrays: Sequence[Array]) -> bytes:
    return np.concatenate([sample_of(array) for array in arrays]).tobytes()


def sample_of(weights: Array) -> Array:
    """Choose what to look at, to see whether weights have changed: an optimizer and
    whoever else trains changes most of them.

    weights (NDArray[float32]): A matrix or a vector.
    RETURNS (NDArray[float32]): A view of all of them if they are few, such as those of
        the emissions, and otherwise of some of many rows and columns.
    """
    flat = weights.reshape(-1)
    # By an odd number, so that they are not of the same columns in every row.
    return flat if flat.size <= _FEW else flat[:: flat.size // _SAMPLE | 1]
