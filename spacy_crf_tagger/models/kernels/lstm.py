"""An LSTM over ragged sequences, for predictions on the CPU: exact without padding, and
what a sequence gets does not depend on those that are read beside it.
"""

import numpy as np
from numpy.typing import NDArray

from ...crf.backends.numba.compiled import borrowing_kernel
from ...crf.backends.numba.lane_memory import at, pointer
from .dense import pack_columns, padded_size
from .singles import (
    BLOCKS_AT_ONCE,
    ROWS_AT_ONCE,
    WIDTH,
    add_product_of_blocks,
    add_product_of_rows,
    copy_sixteen,
    lstm_cell,
)

Singles = NDArray[np.float32]
Ints = NDArray[np.int64]


def pack_recurrent(weights: Singles) -> Singles:
    """Arrange recurrent weights in the order in which the kernel reads them. Units are
    added until their number is a multiple of sixteen; their states stay zero.

    weights (NDArray[float32]): The weights as torch has them, [4 * H, H].
    RETURNS (NDArray[float32]): Blocks of sixteen gates, [4 * P / 16, P, 16].
    """
    size = weights.shape[1]
    added = padded_size(size) - size
    return pack_columns(np.pad(pad_gates(weights, size), ((0, 0), (0, added))))


def pad_gates(weights: Singles, size: int) -> Singles:
    """Make room for the units that `pack_recurrent` adds.

    weights (NDArray[float32]): What is about gates, [4 * H, any].
    size (int): Number of units, H.
    RETURNS (NDArray[float32]): The same with zeros for added units, [4 * P, any].
    """
    added = padded_size(size) - size
    by_gate = weights.reshape(4, size, -1)
    padded = np.pad(by_gate, ((0, 0), (0, added), (0, 0)))
    return padded.reshape(4 * (size + added), -1)


def read_sequences(
    gates: Singles,
    rows: Ints,
    lengths: Ints,
    weights: Singles,
    backward: bool,
    states: Singles,
    column: int,
    first_gate: int = 0,
) -> None:
    """Read sequences that lie one behind another, and write the state at each token
    (Hochreiter and Schmidhuber 1997, with the forget gates of Gers et al. 2000).

    gates (NDArray[float32]): What inputs add to the gates, with all biases, [V, any].
    rows (NDArray[int]): The input of each token, [N].
    lengths (NDArray[int]): Tokens of each sequence, falling, [B].
    weights (NDArray[float32]): The result of `pack_recurrent`.
    backward (bool): Whether to read from each sequence's end to its beginning.
    states (NDArray[float32]): Where to write, [N, columns].
    column (int): The first of the P columns to write to.
    first_gate (int): The first of the 4 * P columns of gates to read.
    """
    size = weights.shape[1]
    memory = np.empty(ROWS_AT_ONCE * 7 * size, dtype=np.float32)
    _read(gates, first_gate, rows, lengths, weights, backward, memory, states, column)


def use_all() -> None:
    """Compile the kernel, or load it if that was done before."""
    gates = np.zeros((1, 4 * WIDTH), dtype=np.float32)
    weights = pack_recurrent(np.zeros((4 * WIDTH, WIDTH), dtype=np.float32))
    states = np.empty((1, WIDTH), dtype=np.float32)
    one, first = np.ones(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    read_sequences(gates, first, one, weights, False, states, 0)


@borrowing_kernel
def _read(  # type: ignore[no-untyped-def]
    gates, first_gate, rows, lengths, weights, backward, memory, states, column
):
    # Sequences go in groups of six, a token of each at a time: they share the weights
    # that the processor fetches. Those of a group have similar lengths.
    size = weights.shape[1]
    n_gates = 4 * size
    n_vectors = size // WIDTH
    source, stride = at(pointer(gates), first_gate), gates.shape[1]
    blocks = pointer(weights)
    target, width = pointer(states), states.shape[1]
    own = pointer(memory)
    cells, own_gates = (
        at(own, 2 * ROWS_AT_ONCE * size),
        at(own, 3 * ROWS_AT_ONCE * size),
    )
    first_token = 0
    for first in range(0, lengths.shape[0], ROWS_AT_ONCE):
        last = first + ROWS_AT_ONCE
        last = last if last < lengths.shape[0] else lengths.shape[0]
        old, new = own, at(own, ROWS_AT_ONCE * size)
        for n in range(3 * ROWS_AT_ONCE * size):
            own[n] = np.float32(0.0)
        n_reading = last - first
        for step in range(lengths[first]):
            while lengths[first + n_reading - 1] <= step:
                n_reading -= 1
            token = first_token
            for n in range(n_reading):
                length = lengths[first + n]
                place = token + (length - 1 - step if backward else step)
                row = at(source, rows[place] * stride)
                for m in range(0, n_gates, WIDTH):
                    copy_sixteen(at(row, m), at(own_gates, n * n_gates + m))
                token += length
            if step == 0:
                pass  # all states before are zero
            elif n_reading == ROWS_AT_ONCE:
                for m in range(0, n_gates, WIDTH):
                    add_product_of_rows(
                        old, size, at(blocks, m * size), size, at(own_gates, m), n_gates
                    )
            else:
                for n in range(n_reading):
                    for m in range(0, n_gates, BLOCKS_AT_ONCE * WIDTH):
                        add_product_of_blocks(
                            at(old, n * size),
                            size,
                            at(blocks, m * size),
                            size,
                            at(own_gates, n * n_gates + m),
                            n_gates,
                        )
            token = first_token
            for n in range(n_reading):
                length = lengths[first + n]
                place = token + (length - 1 - step if backward else step)
                result = at(target, place * width + column)
                for m in range(n_vectors):
                    unit = n * size + m * WIDTH
                    lstm_cell(
                        at(own_gates, n * n_gates + m * WIDTH),
                        size,
                        at(cells, unit),
                        at(new, unit),
                    )
                    copy_sixteen(at(new, unit), at(result, m * WIDTH))
                token += length
            old, new = new, old
        for n in range(first, last):
            first_token += lengths[n]
