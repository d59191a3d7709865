"""Hash embeddings of words and their mix, for predictions on the CPU."""

import numpy as np
from numpy.typing import NDArray

from ...crf.backends.numba.compiled import borrowing_kernel
from ...crf.backends.numba.lane_memory import at, pointer

Singles = NDArray[np.float32]

# Of MurmurHash3_x64_128 (Appleby 2011), for keys of eight bytes.
_C1, _C2 = np.uint64(0x87C37B91114253D5), np.uint64(0x4CF5AD432745937F)
_F1, _F2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_N_BYTES = np.uint64(8)
_LOWER = np.uint64(0xFFFFFFFF)
_HALF, _UP, _DOWN = np.uint64(32), np.uint64(31), np.uint64(33)


def embed(values: NDArray[np.uint64], seed: int, table: Singles) -> Singles:
    """Look values up in a hash table: the sum of four rows (Svenstrup et al. 2017), as
    Thinc's HashEmbed computes it.

    values (NDArray[uint64]): The values, [V].
    seed (int): The seed of the hash.
    table (NDArray[float32]): The table, [rows, width].
    RETURNS (NDArray[float32]): The vectors, [V, width].
    """
    vectors = np.empty((len(values), table.shape[1]), dtype=np.float32)
    values = np.ascontiguousarray(values)
    _embed(values, np.uint64(seed), np.ascontiguousarray(table), vectors)
    return vectors


def maxout(
    parts: Singles,
    places: NDArray[np.int64],
    more: Singles,
    bias: Singles,
    width: int,
    n_pieces: int,
) -> Singles:
    """Add what attributes contribute to the pieces of a maxout layer (Goodfellow et al.
    2013), and take the largest.

    parts (NDArray[float32]): What each value of an attribute adds, [values, P]: those
        to the first piece of each unit, then those to the second, …
    places (NDArray[int]): The row in parts for each word and attribute, [V, attrs].
    more (NDArray[float32]): What else is added to each word, [V, P]; or [0, P].
    bias (NDArray[float32]): What is added to all, [P].
    width (int): The number of units.
    n_pieces (int): The number of pieces of each; P may be larger than all together.
    RETURNS (NDArray[float32]): The largest pieces, [V, width].
    """
    units = np.empty((len(places), width), dtype=np.float32)
    sums = np.empty(len(bias), dtype=np.float32)
    _maxout(parts, places, more, bias, n_pieces, sums, units)
    return units


def use_all() -> None:
    """Compile the kernels, or load them if that was done before."""
    one = np.zeros((1, 1), dtype=np.float32)
    embed(np.zeros(1, dtype=np.uint64), 0, one)
    maxout(one, np.zeros((1, 1), dtype=np.int64), one, one[0], 1, 1)


@borrowing_kernel
def _embed(values, seed, table, vectors):  # type: ignore[no-untyped-def]
    n_rows, width = table.shape
    source, target = pointer(table), pointer(vectors)
    n = np.uint64(n_rows)
    for v in range(values.shape[0]):
        h1 = values[v] * _C1
        h1 = (h1 << _UP | h1 >> _DOWN) * _C2 ^ seed ^ _N_BYTES
        h2 = seed ^ _N_BYTES
        h1 += h2
        h2 += h1
        h1 = (h1 ^ h1 >> _DOWN) * _F1
        h1 = (h1 ^ h1 >> _DOWN) * _F2
        h1 ^= h1 >> _DOWN
        h2 = (h2 ^ h2 >> _DOWN) * _F1
        h2 = (h2 ^ h2 >> _DOWN) * _F2
        h2 ^= h2 >> _DOWN
        h1 += h2
        h2 += h1
        first = at(source, np.int64((h1 & _LOWER) % n) * width)
        second = at(source, np.int64((h1 >> _HALF) % n) * width)
        third = at(source, np.int64((h2 & _LOWER) % n) * width)
        fourth = at(source, np.int64((h2 >> _HALF) % n) * width)
        result = at(target, v * width)
        for m in range(width):
            result[m] = ((first[m] + second[m]) + third[m]) + fourth[m]


@borrowing_kernel
def _maxout(  # type: ignore[no-untyped-def]
    parts, places, more, bias, n_pieces, sums, units
):
    size, width = bias.shape[0], units.shape[1]
    source, total, target = pointer(parts), pointer(sums), pointer(units)
    rest, constant = pointer(more), pointer(bias)
    for v in range(places.shape[0]):
        for m in range(size):
            total[m] = np.float32(0.0)
        for n in range(places.shape[1]):
            part = at(source, places[v, n] * size)
            for m in range(size):
                total[m] += part[m]
        if more.shape[0]:
            own = at(rest, v * size)
            for m in range(size):
                total[m] += own[m]
        unit = at(target, v * width)
        for m in range(width):
            unit[m] = total[m] + constant[m]
        for piece in range(width, n_pieces * width, width):
            for m in range(width):
                number = total[piece + m] + constant[piece + m]
                if number > unit[m] or number != number:
                    unit[m] = number
