"""Arguments that a stranger might give, and a slow and plain rule for each kind of
argument that says whether it means anything. The rules share nothing with the package.
"""

from numbers import Integral
from typing import Any, Callable, List, Optional, Sequence, Tuple

import numpy as np
import torch

Rng = np.random.Generator
LIMIT = 1e6


def pick(rng: Rng, choices: Sequence[Any]) -> Any:
    return choices[int(rng.integers(len(choices)))]


def strided(array: np.ndarray) -> np.ndarray:
    return np.repeat(array, 2, axis=0)[::2]


def read_only(array: np.ndarray) -> np.ndarray:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def unaligned(array: np.ndarray) -> np.ndarray:
    raw = np.zeros(array.nbytes + 1, np.uint8)[1:]
    raw[:] = np.frombuffer(array.tobytes(), np.uint8)
    return raw.view(array.dtype).reshape(array.shape)


def masked(array: np.ndarray) -> np.ma.MaskedArray:
    return np.ma.MaskedArray(array, np.zeros(array.shape, bool))


# What changes the form of an array, and mostly leaves its meaning.
FORMS: List[Callable[[np.ndarray], Any]] = [
    np.ndarray.tolist,
    lambda array: tuple(array.tolist()),
    strided,
    read_only,
    unaligned,
    np.asfortranarray,
    lambda array: array.astype(array.dtype.newbyteorder()),
    lambda array: torch.from_numpy(array.copy()),
    masked,
    lambda array: array.astype(object),
    lambda array: array.astype(complex),
    lambda array: array.astype(str),
    lambda array: array.astype(np.float16),
    lambda array: array.astype(np.longdouble),
    lambda array: array.astype(np.float32),
    lambda array: array.astype(np.float64),
    lambda array: array.astype(bool),
    lambda array: array[None],
    lambda array: array[..., None],
    lambda array: array[:-1],
    lambda array: np.concatenate([array, array[:1]]),
    lambda array: array.reshape(-1),
    lambda array: array.reshape(-1)[0] if array.size else array,
    lambda array: np.array(array.reshape(-1)[0]) if array.size else array,
    lambda array: array.astype("M8[s]") if array.dtype.kind == "i" else array,
    lambda array: [array.tolist(), [1]],
]
INTEGER_FORMS = [
    lambda array, dtype=dtype: array.astype(dtype)
    for dtype in (np.int8, np.uint8, np.int16, np.int32, np.uint32, np.uint64)
]
THINGS = [None, "PER", b"PER", "", {}, set(), {1}, object(), [], [[]], [None], 1, -1]
THINGS += [True, 1.5, np.nan, np.inf, -np.inf, 2**70, [2**70], iter([1, 2]), len, [0.5]]
NUMBERS = [
    *THINGS,
    0,
    2,
    0.0,
    1.0,
    1e-300,
    1e300,
    -0.5,
    2**31,
    2**63,
    -(2**63),
    10**400,
]
NUMBERS += [np.int64(2), np.float32(0.5), np.bool_(True), np.array(2), 1j, False, "2"]


def change_place(rng: Rng, array: np.ndarray, values: Sequence[Any]) -> np.ndarray:
    changed = array.copy()
    if changed.size:
        changed.flat[int(rng.integers(changed.size))] = pick(rng, values)
    return changed


def hostile_integers(rng: Rng, array: np.ndarray, below: int) -> Any:
    way = rng.random()
    if way < 0.4:
        values = [-1, below, below + 1, 2**40, -(2**63), 2**63 - 1, -below, 0]
        return change_place(rng, array, values)
    if way < 0.85:
        with np.errstate(all="ignore"):
            return pick(rng, FORMS + INTEGER_FORMS)(array)
    return pick(rng, THINGS)


def hostile_floats(rng: Rng, array: np.ndarray) -> Any:
    way = rng.random()
    if way < 0.4:
        values = [np.nan, np.inf, -np.inf, 1e30, -1e30, 2e6, -2e6, -1e9, -1e16, 3e38]
        values += [-3.4e38, 0, 1e5, -1e4]
        with np.errstate(over="ignore"):
            return change_place(rng, array, values)
    if way < 0.85:
        with np.errstate(all="ignore"):
            forms = FORMS
            if np.isfinite(array).all():
                forms = FORMS + INTEGER_FORMS[:4] * 2
            return pick(rng, forms)(array)
    return pick(rng, THINGS)


def hostile_mask(rng: Rng, array: np.ndarray) -> Any:
    return (
        pick(rng, FORMS + INTEGER_FORMS)(array)
        if rng.random() < 0.8
        else pick(rng, THINGS)
    )


def hostile_number(rng: Rng) -> Any:
    return pick(rng, NUMBERS)


def plain(value: Any) -> Optional[np.ndarray]:
    """What NumPy makes of numbers in a row, None if it cannot or it is a guess."""
    if isinstance(value, np.ma.MaskedArray):
        return None
    if isinstance(value, torch.Tensor):
        return value.detach().numpy()
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return array if array.dtype.kind in "iufb" else None


def as_integers(value: Any, below: int, shape: Tuple[Any, ...]) -> Optional[np.ndarray]:
    """The numbers, if they are whole and from 0 to below a limit."""
    array = plain(value)
    if array is None:
        return None
    if array.size == 0 and array.dtype.kind == "f":
        # An empty list has no dtype of its own.
        array = np.zeros(
            (0, 2)[: len(shape)] if array.ndim < len(shape) else array.shape, int
        )
    if array.dtype.kind not in "iu" or not fits(array.shape, shape):
        return None
    numbers = [int(number) for number in array.reshape(-1).tolist()]
    if any(number < 0 or number >= below for number in numbers):
        return None
    return np.array(numbers, dtype=np.int64).reshape(array.shape)


def as_floats(value: Any, shape: Tuple[Any, ...]) -> Optional[np.ndarray]:
    array = plain(value)
    if array is None or not fits(array.shape, shape):
        return None
    with np.errstate(over="ignore"):
        return array.astype(np.float64)


def as_scores(value: Any, shape: Tuple[Any, ...]) -> Optional[np.ndarray]:
    scores = as_floats(value, shape)
    if scores is None or np.isnan(scores).any() or (scores > LIMIT).any():
        return None
    return scores


def as_weights(value: Any, size: int) -> Optional[np.ndarray]:
    weights = as_floats(value, (size,))
    return weights if weights is not None and np.isfinite(weights).all() else None


def as_mask(value: Any, shape: Tuple[Any, ...]) -> Optional[np.ndarray]:
    mask = plain(value)
    if mask is None or mask.dtype.kind != "b" or mask.shape != shape:
        return None
    return mask


def as_count(value: Any, least: int) -> Optional[int]:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral):
        return None
    return int(value) if int(value) >= least else None


def as_number(value: Any, least: float, most: float) -> Optional[float]:
    if isinstance(value, (bool, np.bool_, str, bytes, complex)):
        return None
    if not isinstance(value, (int, float, np.integer, np.floating)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if abs(number) < np.inf and least <= number <= most else None


def fits(shape: Tuple[int, ...], wanted: Tuple[Any, ...]) -> bool:
    """Whether a shape is the wanted one, in which None stands for any length."""
    return len(shape) == len(wanted) and all(
        w is None or s == w for s, w in zip(shape, wanted, strict=True)
    )
