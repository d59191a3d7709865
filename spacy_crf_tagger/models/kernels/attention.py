"""Self-attention and layer normalisation of predictions on the CPU, without padding."""

import numpy as np
from numpy.typing import NDArray

from ...crf.backends.numba.compiled import borrowing_kernel
from ...crf.backends.numba.lane_memory import at, pointer
from .dense import padded_size
from .singles import (
    ROWS_AT_ONCE,
    WIDTH,
    add_product_of_rows,
    copy_sixteen,
    exp_of_difference,
    fill_sixteen,
    keep_larger,
    scale_sixteen,
)

Singles = NDArray[np.float32]
Ints = NDArray[np.int64]


def attend(projected: Singles, lengths: Ints, n_heads: int) -> Singles:
    """Let each token see all tokens of its sequence (Vaswani et al. 2017).

    projected (NDArray[float32]): Scaled queries, keys and values of each token, those
        of one head behind those of the one before, [N, 3 * heads * D]. D, the width of
        a head, is a multiple of sixteen.
    lengths (NDArray[int]): Tokens of each sequence, falling, [B].
    n_heads (int): The number of heads.
    RETURNS (NDArray[float32]): The mean values that tokens see, [N, heads * D].
    """
    inner = projected.shape[1] // 3
    size = inner // n_heads
    longest = padded_size(int(lengths[0])) if len(lengths) else 0
    n_numbers = 2 * size * (longest + ROWS_AT_ONCE) + ROWS_AT_ONCE * longest
    n_numbers += (1 + ROWS_AT_ONCE) * WIDTH
    memory = np.empty(n_numbers, dtype=np.float32)
    seen = np.empty((len(projected), inner), dtype=np.float32)
    _attend(projected, lengths, size, memory, seen, ROWS_AT_ONCE, WIDTH)
    return seen


def normalize(rows: Singles, scale: Singles, shift: Singles, epsilon: float) -> None:
    """Normalise layers (Ba et al. 2016).

    rows (NDArray[float32]): The rows, [N, width]; changed in place.
    scale (NDArray[float32]): What they are multiplied by afterwards, [width].
    shift (NDArray[float32]): What is added then, [width].
    epsilon (float): What is added to the variance.
    """
    _normalize(rows, scale, shift, epsilon)


def use_all() -> None:
    """Compile the kernels, or load them if that was done before."""
    one, token = np.zeros(1, dtype=np.float32), np.ones(1, dtype=np.int64)
    attend(np.zeros((1, 3 * WIDTH), dtype=np.float32), token, 1)
    normalize(np.zeros((1, 1), dtype=np.float32), one, one, 1e-5)


@borrowing_kernel
def _attend(  # type: ignore[no-untyped-def]
    projected, lengths, size, memory, seen, at_once, lanes
):
    # The last two are constants, but LLVM would write loops of so many steps out.
    inner = seen.shape[1]
    stride = 3 * inner
    source, target, own = pointer(projected), pointer(seen), pointer(memory)
    # The largest score of a query and the sum of its exponentials, by column; queries,
    # and what they see.
    largest, sums = own, at(own, WIDTH)
    queries = at(sums, at_once * lanes)
    results = at(queries, at_once * size)
    keys = at(results, at_once * size)
    first = 0
    for b in range(lengths.shape[0]):
        length = lengths[b]
        width = (length + WIDTH - 1) // WIDTH * WIDTH
        values = at(keys, size * width)
        scores = at(values, size * width)
        for head in range(0, inner, size):
            # Blocks of sixteen keys, [width / 16, size, 16]; what is behind the last
            # key does not matter. Blocks of sixteen columns of values, [size / 16,
            # length, 16].
            for n in range(length):
                block = at(keys, (n // WIDTH * size) * WIDTH + n % WIDTH)
                key = at(source, (first + n) * stride + inner + head)
                for m in range(0, size, WIDTH):
                    copy_sixteen(at(key, inner + m), at(values, m * length + n * WIDTH))
                    for k in range(m, m + lanes):
                        block[k * WIDTH] = key[k]
            for row in range(0, length, at_once):
                # As many queries each time: the last one may come several times.
                for n in range(at_once):
                    token = row + n if row + n < length else length - 1
                    query = at(source, (first + token) * stride + head)
                    for m in range(0, size, WIDTH):
                        copy_sixteen(at(query, m), at(queries, n * size + m))
                        fill_sixteen(at(results, n * size + m), np.float32(0.0))
                for n in range(0, at_once * width, WIDTH):
                    fill_sixteen(at(scores, n), np.float32(0.0))
                for column in range(0, width, WIDTH):
                    add_product_of_rows(
                        queries,
                        size,
                        at(keys, column * size),
                        size,
                        at(scores, column),
                        width,
                    )
                for n in range(at_once):
                    of_query = at(scores, n * width)
                    for m in range(length, width):
                        of_query[m] = np.float32(-np.inf)
                    copy_sixteen(of_query, largest)
                    fill_sixteen(at(sums, n * WIDTH), np.float32(0.0))
                    for column in range(WIDTH, width, WIDTH):
                        keep_larger(at(of_query, column), largest)
                    top = largest[0]
                    for m in range(lanes):
                        top = largest[m] if largest[m] > top else top
                    for column in range(0, width, WIDTH):
                        exp_of_difference(
                            at(of_query, column), top, at(sums, n * WIDTH)
                        )
                for m in range(0, size, WIDTH):
                    add_product_of_rows(
                        scores,
                        width,
                        at(values, m * length),
                        length,
                        at(results, m),
                        size,
                    )
                n_rows = length - row if length - row < at_once else at_once
                for n in range(n_rows):
                    total = np.float32(0.0)
                    for m in range(lanes):
                        total += sums[n * WIDTH + m]
                    result = at(target, (first + row + n) * inner + head)
                    for m in range(0, size, WIDTH):
                        scale_sixteen(
                            at(results, n * size + m),
                            np.float32(1.0) / total,
                            at(result, m),
                        )
        first += length


@borrowing_kernel
def _normalize(rows, scale, shift, epsilon):  # type: ignore[no-untyped-def]
    width = rows.shape[1]
    for row in range(rows.shape[0]):
        total = 0.0
        for n in range(width):
            total += rows[row, n]
        mean = np.float32(total / width)
        total = 0.0
        for n in range(width):
            total += (rows[row, n] - mean) * (rows[row, n] - mean)
        mean, factor = (
            np.float32(mean),
            np.float32(1 / np.sqrt(total / width + epsilon)),
        )
        for n in range(width):
            rows[row, n] = (rows[row, n] - mean) * factor * scale[n] + shift[n]
