"""Checks of all arguments of the public functions of this package.

Kernels read and write memory without bounds, and trust what has passed here. Each check
returns what it was given in the form in which kernels take it, or raises a `ValueError`
that says what was wrong, where, and what to do.
"""

from math import isfinite
from numbers import Integral, Real
from typing import Any, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from . import arrays
from .limits import FEW, is_bounded, joined, require_bounded

# Numbers that a question may fill memory with, 8 GiB of doubles.
MOST_NUMBERS = 2**30

_INT64 = np.dtype(np.int64)
_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def as_scores(value: Any, name: str, like: Any = None) -> Any:
    """Bring scores into the form that kernels take.

    value (Array): A NumPy array, a torch tensor, or what NumPy can make an array of.
    name (str): What they are called.
    like (Optional[Array]): Scores of the same lattice, which must be of the same kind.
    RETURNS (Array): The scores in single precision if they were, and else in double:
        integers have no -inf.
    RAISES (ValueError): If they are no real numbers, or of another kind.
    """
    if type(value) is not np.ndarray and arrays.is_tensor(value):
        scores = _float_tensor(value, name)
        _require_same_place(scores, name, like)
        return scores
    array = _as_array(value, name)
    _require_same_place(array, name, like)
    if array.dtype not in _FLOATS:
        return _as_floats(array, name)
    # Numba compiles everything again for arrays that are read-only or not aligned.
    return array if array.flags.carray else np.array(array, order="C")


def _require_same_place(scores: Any, name: str, like: Any) -> None:
    if like is not None and not arrays.are_together(scores, like):
        raise ValueError(
            f"CRF {name} scores are {arrays.place_of(scores)}, but the emissions are "
            f"{arrays.place_of(like)}. Give all scores as NumPy arrays, or all as "
            "tensors on one device."
        )


def _float_tensor(tensor: Any, name: str) -> Any:
    if not arrays.is_tensor_of_reals(tensor):
        raise ValueError(
            f"CRF {name} scores must be real numbers in a dense tensor, not of "
            f"{tensor.dtype} and {tensor.layout} on {tensor.device}."
        )
    return arrays.float_tensor(tensor)


def _as_floats(array: NDArray[Any], name: str) -> NDArray[Any]:
    if array.dtype.kind not in "fiub":
        raise ValueError(
            f"CRF {name} scores must be real numbers, not of dtype {array.dtype}. "
            "Convert them to float32 or float64."
        )
    is_single = array.dtype.kind == "f" and array.dtype.itemsize == 4
    with np.errstate(over="ignore"):  # of long doubles, to +-inf
        return np.array(array, dtype=np.float32 if is_single else np.float64, order="C")


def lattice_arrays(
    emissions: Any, transitions: Any, start: Any, end: Any, lengths: Any
) -> Tuple[Any, Any, Any, Any, NDArray[np.int64]]:
    """Check what a lattice consists of.

    emissions (Array): [N, K]
    transitions (Array): [K, K]
    start (Array): [K]
    end (Array): [K]
    lengths (Sequence[int]): [B]
    RETURNS (Tuple[Array, Array, Array, Array, NDArray[int]]): All five.
    RAISES (ValueError): If shapes do not fit or a score is NaN, `+inf` or too large.
    """
    emissions = as_emissions(emissions)
    n_tokens, n_tags = emissions.shape
    lengths = as_lengths(lengths, n_tokens)
    checked = []
    for name, value, shape in (
        ("transitions", transitions, (n_tags, n_tags)),
        ("start", start, (n_tags,)),
        ("end", end, (n_tags,)),
    ):
        scores = as_scores(value, name, emissions)
        if tuple(scores.shape) != shape:
            raise ValueError(
                f"CRF {name} scores must have shape {shape}, not {tuple(scores.shape)}."
            )
        checked.append(scores)
    # One maximum takes as long as another, of however few numbers.
    if not is_bounded(emissions, joined(*checked)):
        names = ("emissions", "transitions", "start", "end")
        for name, scores in zip(names, (emissions, *checked), strict=True):
            require_bounded(scores, name)
    return emissions, checked[0], checked[1], checked[2], lengths


def as_emissions(value: Any) -> Any:
    """RETURNS (Array): The scores of each tag at each token, [N, K]."""
    emissions = as_scores(value, "emissions")
    if emissions.ndim != 2 or emissions.shape[1] == 0:
        raise ValueError(
            "Emissions must have one row for each token and one column for each "
            f"tag, but their shape is {tuple(emissions.shape)}."
        )
    return emissions


def as_lengths(value: Any, n_tokens: int) -> NDArray[np.int64]:
    """Copy the lengths of sequences, so that nobody can change them later.

    value (Sequence[int]): Tokens of each sequence, [B].
    n_tokens (int): What they add up to.
    RETURNS (NDArray[int]): The lengths, [B]; they cannot be written to.
    RAISES (ValueError): If they are no whole numbers, or do not add up.
    """
    lengths = np.array(as_integers(value, "lengths", 1))
    lengths.setflags(write=False)
    if len(lengths) <= FEW:
        numbers = lengths.tolist()
        adds_up = min(numbers, default=0) >= 0 and sum(numbers) == n_tokens
    else:
        # The sum could overflow only if one of them were larger than it should be.
        adds_up = are_below(lengths, n_tokens + 1) and int(lengths.sum()) == n_tokens
    if not adds_up:
        raise ValueError(
            f"Lengths {lengths.tolist()[:10]} of {len(lengths)} sequences do not add "
            f"up to the {n_tokens} rows of the emissions."
        )
    return lengths


def as_mask(value: Any, name: str, shape: Sequence[Optional[int]]) -> Any:
    """Check a mask.

    value (NDArray[bool]): A NumPy array, a torch tensor, or a list.
    name (str): What it is called.
    shape (Sequence[Optional[int]]): The shape that it must have; `(None,)` for any
        with one axis.
    RETURNS (Array): The mask: a tensor if it was one, and else a NumPy array.
    RAISES (ValueError): If its shape is another, or it is not boolean: what stands for
        True among other numbers would be a guess.
    """
    mask = value if arrays.is_dense_tensor(value) else _as_array(value, name)
    if tuple(mask.shape) != tuple(shape) and (mask.ndim, *shape) != (1, None):
        raise ValueError(
            f"{name} has shape {tuple(mask.shape)}, but must have {tuple(shape)}."
        )
    if not arrays.is_boolean(mask):
        raise ValueError(
            f"{name} must be boolean, not of dtype {mask.dtype}: convert it, so that "
            "True stands for what is allowed."
        )
    return arrays.without_history(mask)


def as_indices(
    values: Any, name: str, below: int, columns: Optional[int] = None
) -> NDArray[np.int64]:
    """Check numbers of rows, tags and so on.

    values (Sequence[int]): The numbers, [M] or [M, columns].
    name (str): What they are called.
    below (int): They must be from 0 to one less than this.
    columns (Optional[int]): How many columns they have; one list of numbers if None.
    RETURNS (NDArray[int]): The numbers.
    RAISES (ValueError): If their shape does not fit, one is out of range, or they are
        no whole numbers.
    """
    indices = as_integers(values, name, 1 if columns is None else 2)
    if columns is not None and indices.shape[1] != columns:
        raise ValueError(
            f"{name} must have {columns} columns, but the shape is {indices.shape}."
        )
    if not are_below(indices, below):
        place = tuple(np.argwhere((indices < 0) | (indices >= below))[0].tolist())
        expected = f"from 0 to {below - 1}" if below else "none: there is nothing"
        raise ValueError(
            f"{name}[{', '.join(map(str, place))}] is {indices[place]}, but must be "
            f"{expected}."
        )
    return indices


def as_weights(value: Any, name: str, size: int, like: Any) -> Any:
    """Check one finite number for each of something.

    value (Array): The numbers, [size].
    name (str): What they are called.
    size (int): How many there must be.
    like (Array): An array of the kind that is wanted.
    RETURNS (Array): The numbers in double precision.
    RAISES (ValueError): If their shape is another, or one is NaN or infinite.
    """
    weights = as_scores(value, name)
    if tuple(weights.shape) != (size,):
        raise ValueError(
            f"{name} must have shape {(size,)}, not {tuple(weights.shape)}."
        )
    if not all(map(isfinite, weights.tolist())):
        raise ValueError(f"{name} must be finite, but one is NaN or infinite.")
    return arrays.doubles_like(weights, like)


def as_count(value: Any, name: str, least: int = 0, most: Optional[int] = None) -> int:
    """Check a whole number.

    value (int): The number.
    name (str): What it is called.
    least (int): The smallest that it may be.
    most (Optional[int]): The largest that it may be.
    RETURNS (int): The number.
    RAISES (ValueError): If it is out of range, or no whole number. A boolean is none.
    """
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise ValueError(f"{name} must be a whole number, not {value!r}.")
    number = int(value)
    if number < least or (most is not None and number > most):
        limits = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be {limits}, not {number}.")
    return number


def as_number(
    value: Any, name: str, least: float = -np.inf, most: float = np.inf
) -> float:
    """Check a finite real number.

    value (float): The number.
    name (str): What it is called.
    least (float): The smallest that it may be.
    most (float): The largest that it may be.
    RETURNS (float): The number.
    RAISES (ValueError): If it is out of range, NaN or infinite, or no number.
    """
    if not isinstance(value, Real) or isinstance(value, bool):
        raise ValueError(f"{name} must be a number, not {value!r}.")
    try:
        number = float(value)
    except OverflowError:  # a whole number
        number = np.inf
    if not (isfinite(number) and least <= number <= most):
        raise ValueError(
            f"{name} must be a finite number from {least:g} to {most:g}, not {value}."
        )
    return number


def require_memory(n_numbers: int, name: str, value: int, per_unit: int) -> None:
    """Check that an answer fits into memory.

    n_numbers (int): How many numbers it has.
    name (str): The argument that it depends on.
    value (int): That argument.
    per_unit (int): How many numbers each unit of it adds.
    RAISES (ValueError): If it is too large; says what is possible.
    """
    if n_numbers > MOST_NUMBERS:
        raise ValueError(
            f"{name} = {value} would need {n_numbers} numbers at a time. Ask for at "
            f"most {max(1, MOST_NUMBERS // max(per_unit, 1))}, or for fewer sequences."
        )


def are_below(integers: NDArray[np.int64], limit: int) -> bool:
    """RETURNS (bool): Whether all of a contiguous array are from 0 to below a limit."""
    if integers.size <= FEW:
        numbers = integers.reshape(-1).tolist()
        return min(numbers, default=0) >= 0 and max(numbers, default=-1) < limit
    # As unsigned numbers, negative ones are larger than any limit.
    return int(integers.view(np.uint64).max()) < limit


def as_integers(
    values: Any, name: str, n_axes: Optional[int] = None
) -> NDArray[np.int64]:
    """Check that numbers are whole.

    values (Sequence[int]): The numbers.
    name (str): What they are called.
    n_axes (Optional[int]): How many axes they must have; any number if None.
    RETURNS (NDArray[int]): The numbers, contiguous.
    RAISES (ValueError): If they are not, or have other axes.
    """
    array = values if type(values) is np.ndarray else _as_array(values, name)
    if array.dtype.kind not in "iu":
        # An empty list is made an array of doubles.
        if array.size or array.dtype.kind != "f":
            raise ValueError(
                f"{name} must be whole numbers, not of dtype {array.dtype}."
            )
        if n_axes is not None and array.ndim < n_axes:
            array = array.reshape((0, 2)[:n_axes])
    if n_axes is not None and array.ndim != n_axes:
        axes = "one axis" if n_axes == 1 else f"{n_axes} axes"
        raise ValueError(f"{name} must have {axes}, but the shape is {array.shape}.")
    if array.dtype != _INT64 or not array.flags.carray:
        # What is too large for int64 becomes negative, which nobody accepts.
        array = np.array(array, dtype=np.int64, order="C")
    return array


def _as_array(value: Any, name: str) -> NDArray[Any]:
    """RETURNS (NDArray): What NumPy makes of a value."""
    if type(value) is np.ndarray:
        return value
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError(
            f"{name} must not be a masked array. Fill it, or leave out what is masked."
        )
    try:
        return arrays.read_array(value)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise ValueError(f"{name} cannot be read as an array: {error}") from error
