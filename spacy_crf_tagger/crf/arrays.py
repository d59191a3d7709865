"""Operations that differ between NumPy arrays and torch tensors.

No other module, except the backends, distinguishes the two. None of these functions
loads torch unless it has to make a tensor: a value can only be a tensor if torch is
loaded already.
"""

import sys
from typing import Any, Sequence

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypeAlias

# A numpy.ndarray or a torch.Tensor; all arrays of one lattice are of one kind.
Array: TypeAlias = Any


def is_tensor(value: Any) -> bool:
    """RETURNS (bool): Whether a value is a torch tensor."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_dense_tensor(value: Any) -> bool:
    """RETURNS (bool): Whether a value is a torch tensor that holds all its numbers."""
    return is_tensor(value) and not value.is_sparse


def is_boolean(array: Array) -> bool:
    """RETURNS (bool): Whether an array is one of truth values."""
    return array.dtype == np.bool_ or str(array.dtype) == "torch.bool"


def place_of(array: Any) -> str:
    """RETURNS (str): What kind of array something is, and where."""
    return f"a tensor on {array.device}" if is_tensor(array) else "a NumPy array"


def are_together(a: Array, b: Array) -> bool:
    """RETURNS (bool): Whether two arrays are of one kind, and on one device."""
    # Most are NumPy arrays.
    return type(a) is type(b) is np.ndarray or place_of(a) == place_of(b)


def read_array(value: Any) -> NDArray[Any]:
    """RETURNS (NDArray): What NumPy makes of a value, which may be a tensor.

    RAISES (Exception): What NumPy or torch raises if it makes nothing of it.
    """
    if is_tensor(value):
        value = value.detach().cpu().numpy()
    return np.asarray(value)


def without_history(array: Array) -> Array:
    """RETURNS (Array): The array; if it is a tensor, one that knows no gradients."""
    return array if isinstance(array, np.ndarray) else array.detach()


def is_tensor_of_reals(tensor: Array) -> bool:
    """RETURNS (bool): Whether a tensor holds all its numbers, and they are real."""
    torch = sys.modules["torch"]
    if tensor.is_nested or tensor.layout is not torch.strided:
        return False
    return not (tensor.is_meta or tensor.is_quantized or tensor.is_complex())


def float_tensor(tensor: Array) -> Array:
    """RETURNS (Tensor): The numbers of a tensor in single precision if they were, and
    else in double. It knows no gradients, which are computed without torch.
    """
    torch = sys.modules["torch"]
    tensor = tensor.detach()
    is_usual = tensor.dtype in (torch.float32, torch.float64)
    return tensor if is_usual else tensor.double()


def to_numpy(array: Array) -> Any:
    """RETURNS (NDArray): The same numbers as a NumPy array."""
    return array if isinstance(array, np.ndarray) else array.cpu().numpy()


def upload(array: NDArray[Any], device: Any) -> Array:
    """Copy an array to a device. The CPU does not wait for what a GPU has to compute
    before: the copy is made from memory that the GPU reads by itself.

    array (NDArray): The array.
    device (torch.device): The device.
    RETURNS (Tensor): The copy; on the CPU a tensor with the array's memory.
    """
    import torch

    # Torch cannot share an array that is read-only, as some masks are.
    tensor = torch.from_numpy(array if array.flags.writeable else array.copy())
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def like_array(array: Array, like: Array) -> Array:
    """RETURNS (Array): The same numbers as an array of another's kind and device."""
    if isinstance(like, np.ndarray):
        return to_numpy(array)
    if isinstance(array, np.ndarray):
        return upload(np.array(array), like.device)
    return array.to(like.device)


def doubles_like(array: Array, like: Array) -> Array:
    """RETURNS (Array): The same numbers in double precision, as an array of another's
    kind and device; contiguous, if that is NumPy's.
    """
    if is_tensor(like):
        torch = sys.modules["torch"]
        return torch.as_tensor(array, dtype=torch.float64, device=like.device)
    return np.ascontiguousarray(to_numpy(array), dtype=np.float64)


def zeros_like(array: Array, shape: Sequence[int]) -> Array:
    """RETURNS (Array): Zeros of the kind and precision of another array."""
    if isinstance(array, np.ndarray):
        return np.zeros(shape, dtype=array.dtype)
    return array.new_zeros(shape)


def concatenate(arrays: Sequence[Array]) -> Array:
    """RETURNS (Array): Arrays of one kind, one after another."""
    if isinstance(arrays[0], np.ndarray):
        return np.concatenate(arrays)
    return sys.modules["torch"].cat(arrays)


def count_true(mask: Array) -> int:
    """RETURNS (int): How many values of a mask are true."""
    if isinstance(mask, np.ndarray):
        return int(np.count_nonzero(mask))
    return int(mask.sum())


def pad_with_forbidden(scores: Array, n: int, axes: int) -> Array:
    """Add scores of `-inf` at the end of the last axes of an array.

    scores (Array): The scores.
    n (int): How many entries are added along an axis.
    axes (int): How many axes become longer.
    RETURNS (Array): The longer array.
    """
    kept = scores.ndim - axes
    shape = [size + n * (axis >= kept) for axis, size in enumerate(scores.shape)]
    padded = zeros_like(scores, shape)
    padded[...] = -np.inf
    padded[tuple(slice(size) for size in scores.shape)] = scores
    return padded


def sum_groups(array: Array, groups: NDArray[np.int64], n_groups: int) -> Array:
    """Add up the entries of the last axis of an array by group.

    array (Array): The array, [..., K].
    groups (NDArray[int]): The group of each entry, [K].
    n_groups (int): How many groups there are, G.
    RETURNS (Array): The sums, [..., G].
    """
    members = zeros_like(array, (len(groups), n_groups))
    entries = like_array(np.arange(len(groups)), array)
    members[entries, like_array(groups, array)] = 1
    return array @ members


def forbid(scores: Array, allowed: Array) -> Array:
    """Forbid what scores are for.

    scores (Array): The scores.
    allowed (Array): Whether each stays as it is, of any kind, in the same shape.
    RETURNS (Array): The scores, and `-inf` for the others.
    """
    mask = like_array(allowed, scores)
    if isinstance(scores, np.ndarray):
        return np.where(mask, scores, -np.inf)
    return scores.masked_fill(~mask, -np.inf)


def add_rows(
    array: Array,
    rows: NDArray[np.int64],
    values: Array,
    factors: NDArray[np.float64],
) -> Array:
    """Add to rows of an array, some of which may be named several times.

    array (Array): The array, [N, K]. It is changed.
    rows (NDArray[int]): The row to add to, for each row of the values, [R].
    values (Array): What is added, [R, K].
    factors (NDArray[float]): What it is multiplied by, [R, 1].
    RETURNS (Array): The array.
    """
    if isinstance(array, np.ndarray):
        np.add.at(array, rows, (values * factors).astype(array.dtype))
        return array
    weighted = values * upload(factors, array.device)
    return array.index_add_(0, upload(rows, array.device), weighted.to(array.dtype))
