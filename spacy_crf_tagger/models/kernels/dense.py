"""Dense layers of predictions on the CPU: a row's result does not depend on the rows
that are multiplied beside it, to the last bit.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...crf.backends.numba.compiled import borrowing_kernel
from ...crf.backends.numba.lane_memory import at, pointer
from .singles import ROWS_AT_ONCE, WIDTH, add_product_of_rows, copy_sixteen

Singles = NDArray[np.float32]

# As many rows as stay in the processor's cache while all columns are computed.
_ROWS_IN_CACHE = 8 * ROWS_AT_ONCE


class Dense(NamedTuple):
    """A dense layer in the order in which the kernel reads it. Outputs are added until
    their number is a multiple of sixteen; they are zero.

    blocks (NDArray[float32]): Sixteen columns at a time, [P / 16, inputs, 16].
    bias (NDArray[float32]): What is added, [P].
    n_outputs (int): The number of outputs without those that were added.
    """

    blocks: Singles
    bias: Singles
    n_outputs: int

    def __call__(self, rows: Singles) -> Singles:
        """Apply the layer.

        rows (NDArray[float32]): The inputs, [M, inputs].
        RETURNS (NDArray[float32]): The outputs, [M, n_outputs].
        RAISES (ValueError): If the rows have another width.
        """
        results = self.padded(rows)
        if results.shape[1] == self.n_outputs:
            return results
        return np.ascontiguousarray(results[:, : self.n_outputs])

    def padded(self, rows: Singles) -> Singles:
        """RETURNS (NDArray[float32]): The outputs and those that were added, [M, P]."""
        n_rows, n_inputs = rows.shape
        if n_inputs != self.blocks.shape[1]:  # the kernel looks at no bounds
            raise ValueError(
                f"A layer of the network has {self.blocks.shape[1]} inputs, but is "
                f"given vectors that are {n_inputs} wide: the parts of the model do "
                "not belong together. Load the pipeline as it was saved."
            )
        if n_rows < ROWS_AT_ONCE:
            more = np.zeros((ROWS_AT_ONCE, n_inputs), dtype=np.float32)
            more[:n_rows] = rows
            rows = more
        results = np.empty((len(rows), len(self.bias)), dtype=np.float32)
        _multiply(np.ascontiguousarray(rows), self.blocks, self.bias, results)
        return results[:n_rows]


def padded_size(size: int) -> int:
    """RETURNS (int): The next multiple of sixteen."""
    return -(-size // WIDTH) * WIDTH


def pack_columns(weights: Singles) -> Singles:
    """Arrange weights in the order in which kernels read them.

    weights (NDArray[float32]): The weights as torch has them, [16 * n, inputs].
    RETURNS (NDArray[float32]): Blocks of sixteen columns, [n, inputs, 16].
    """
    n_outputs, n_inputs = weights.shape
    blocks = weights.reshape(n_outputs // WIDTH, WIDTH, n_inputs)
    return np.ascontiguousarray(blocks.transpose(0, 2, 1))


def pack(weights: Singles, bias: Singles) -> Dense:
    """Pack a dense layer.

    weights (NDArray[float32]): Its weights, [outputs, inputs].
    bias (NDArray[float32]): Its bias, [outputs].
    RETURNS (Dense): The layer.
    """
    n_outputs = len(weights)
    n_added = padded_size(n_outputs) - n_outputs
    weights, bias = np.pad(weights, ((0, n_added), (0, 0))), np.pad(bias, (0, n_added))
    return Dense(pack_columns(weights), bias.astype(np.float32), n_outputs)


def use_all() -> None:
    """Compile the kernel, or load it if that was done before."""
    one = np.zeros((1, 1), dtype=np.float32)
    pack(one, one[0])(one)


@borrowing_kernel
def _multiply(rows, blocks, bias, results):  # type: ignore[no-untyped-def]
    n_rows, n_inputs = rows.shape
    width = results.shape[1]
    source, weights = pointer(rows), pointer(blocks)
    added, target = pointer(bias), pointer(results)
    for begin in range(0, n_rows, _ROWS_IN_CACHE):
        # Numba would compile `min` as well.
        end = begin + _ROWS_IN_CACHE if begin + _ROWS_IN_CACHE < n_rows else n_rows
        for column in range(0, width, WIDTH):
            for number in range(begin, end, ROWS_AT_ONCE):
                # Where fewer are left, some are computed again.
                row = (
                    number if number + ROWS_AT_ONCE < n_rows else n_rows - ROWS_AT_ONCE
                )
                result = at(target, row * width + column)
                for n in range(ROWS_AT_ONCE):
                    copy_sixteen(at(added, column), at(result, n * width))
                if n_inputs > 0:
                    add_product_of_rows(
                        at(source, row * n_inputs),
                        n_inputs,
                        at(weights, column * n_inputs),
                        n_inputs,
                        result,
                        width,
                    )
