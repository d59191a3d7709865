"""Self-attention and layer normalisation of predictions on the CPU, without padding."""

import numpy as np
from numpy.typing import NDArray

from ...crf.backends.numba.compiled import borrowing_kernel
from ...crf.backends.numba.lane_memory import at, pointer
from .dense import padded_size
from .singles import (
    ROWS_AT_ONCE,
    WIDTH,
    add_product_of_one,
    add_product_of_rows,
    copy_sixteen,
    exp_of_difference,
    keep_larger,
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
    memory = np.empty((2 * size + ROWS_AT_ONCE) * longest + 2 * WIDTH, dtype=np.float32)
    seen = np.empty((len(projected), inner), dtype=np.float32)
    _attend(projected, lengths, size, memory, seen)
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
def _attend(projected, lengths, size, memory, seen):  # type: ignore[no-untyped-def]
    inner = seen.shape[1]
    stride = 3 * inner
    source, target, own = pointer(projected), pointer(seen), pointer(memory)
    # The largest score of a query, and the sum of its exponentials, by column.
    largest, sums = own, at(own, WIDTH)
    keys = at(own, 2 * WIDTH)
    first = 0
    for b in range(lengths.shape[0]):
        length = lengths[b]
        width = (length + WIDTH - 1) // WIDTH * WIDTH
        values = at(keys, size * width)
        scores = at(values, size * width)
        for head in range(0, inner, size):
            # Blocks of sixteen keys, [width / 16, size, 16], …
            for n in range(width):
                block = at(keys, (n // WIDTH * size) * WIDTH + n % WIDTH)
                key = at(source, (first + n) * stride + inner + head)
                for m in range(size):
                    block[m * WIDTH] = key[m] if n < length else np.float32(0.0)
            # … and of sixteen columns of the values, [size / 16, length, 16].
            for n in range(length):
                value = at(source, (first + n) * stride + 2 * inner + head)
                for m in range(0, size, WIDTH):
                    copy_sixteen(at(value, m), at(values, m * length + n * WIDTH))
            for row in range(0, length, ROWS_AT_ONCE):
                n_rows = min(ROWS_AT_ONCE, length - row)
                for n in range(n_rows * width):
                    scores[n] = np.float32(0.0)
                queries = at(source, (first + row) * stride + head)
                for column in range(0, width, WIDTH):
                    block = at(keys, column * size)
                    if n_rows == ROWS_AT_ONCE:
                        add_product_of_rows(
                            queries, stride, block, size, at(scores, column), width
                        )
                    else:
                        for n in range(n_rows):
                            add_product_of_one(
                                at(queries, n * stride),
                                stride,
                                block,
                                size,
                                at(scores, n * width + column),
                                width,
                            )
                results = at(target, (first + row) * inner + head)
                for n in range(n_rows):
                    of_query = at(scores, n * width)
                    for m in range(length, width):
                        of_query[m] = np.float32(-np.inf)
                    copy_sixteen(of_query, largest)
                    for column in range(WIDTH, width, WIDTH):
                        keep_larger(at(of_query, column), largest)
                    top = largest[0]
                    for m in range(WIDTH):
                        top = max(top, largest[m])
                        sums[m] = np.float32(0.0)
                    for column in range(0, width, WIDTH):
                        exp_of_difference(at(of_query, column), top, sums)
                    total = np.float32(0.0)
                    for m in range(WIDTH):
                        total += sums[m]
                    for m in range(length):
                        of_query[m] /= total
                    for m in range(size):
                        results[n * inner + m] = np.float32(0.0)
                for m in range(0, size, WIDTH):
                    block = at(values, m * length)
                    if n_rows == ROWS_AT_ONCE:
                        add_product_of_rows(
                            scores, width, block, length, at(results, m), inner
                        )
                    else:
                        for n in range(n_rows):
                            add_product_of_one(
                                at(scores, n * width),
                                width,
                                block,
                                length,
                                at(results, n * inner + m),
                                inner,
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
            total += (rows[row, n] - mean) ** 2
        mean, factor = (
            np.float32(mean),
            np.float32(1 / np.sqrt(total / width + epsilon)),
        )
        for n in range(width):
            rows[row, n] = (rows[row, n] - mean) * factor * scale[n] + shift[n]
