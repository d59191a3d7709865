"""Working memory for eight sequences that are computed side by side.

A vector over tags has K + 1 entries, the last of which is the empty column of `Tiles`,
and each entry has a number for each lane. Where a batch has less than eight sequences
left, the first of them is computed several times.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .compiled import inlined
from .lane_memory import at, load, pointer, store
from .lanes import LANES, fill

# A segment's vectors should stay in a processor's second cache.
_SEGMENT_STATES = 4096
_SHORTEST_SEGMENT, _LONGEST_SEGMENT = 8, 128


Floats = NDArray[np.float64]

# Vectors of a block's `state`, by the place of their first number.
TOPS = 0  # sum of the largest scores of all tokens
MANTISSA, EXPONENT = LANES, 2 * LANES  # of the product of all scales
LOWEST = 3 * LANES  # least score of a token, relative to its largest
FAINTEST = 4 * LANES  # least share of a state that is not impossible
CLOSING = 5 * LANES  # share of the paths' weight that the end scores leave
SCALE = 6 * LANES  # sum of the forward scores of the last token
INSIDE = 7 * LANES  # 0 in the lanes whose sequence has the token at hand, else -inf
END = 8 * LANES  # 1 / closing in the lanes whose last token is at hand, else 0
STATE_SIZE = 9 * LANES


class Memory(NamedTuple):
    """What the recursions over eight sequences need, as kernels are given it.

    sequences (NDArray[int]): Two numbers of each sequence, [16].
    numbers (NDArray[float]): All else.
    segment (int): Tokens of a segment.
    """

    sequences: NDArray[np.int64]
    numbers: Floats
    segment: int


class Block(NamedTuple):
    """Eight sequences and their memory, as the functions of kernels are given it:
    pointers and numbers.

    rows (int*): Row of the emissions of each sequence's first token, [8].
    lengths (int*): Tokens of each sequence, [8].
    segment (int): Tokens of a segment.
    n_tags (int): Number of tags, K.
    vector (int): Numbers of a vector over tags, (K + 1) * 8.
    alpha (float*): Forward vectors of the token before the segment and of the
        segment's tokens, [(segment + 1) * (K + 1) * 8].
    ahead (float*): exp(emissions) of the segment's tokens, divided by the scale
        of the token before; after the backward pass these times the backward vector.
        Last comes that of the token after the segment. [(segment + 1) * (K + 1) * 8]
    tags (float*): Probabilities of the tags of the token at hand, [(K + 1) * 8].
    checkpoints (float*): The forward vector before each segment, and its scale,
        [segments * (K + 2) * 8].
    state (float*): What is known of each sequence; see `TOPS` and so on.
    """

    rows: Any
    lengths: Any
    segment: int
    n_tags: int
    vector: int
    alpha: Any
    ahead: Any
    tags: Any
    checkpoints: Any
    state: Any


class TilePointers(NamedTuple):
    """Tiles as the kernels' functions are given them.

    n_tiles (int): Their number.
    limits, rows, columns, values (int*, float*): See `Tiles`.
    """

    n_tiles: int
    limits: Any
    rows: Any
    columns: Any
    values: Any


def make_block(longest: int, n_tags: int) -> Memory:
    """Allocate the memory of a block.

    longest (int): Tokens of the longest sequence.
    n_tags (int): Number of tags, K.
    RETURNS (Memory): The memory.
    """
    segment = min(segment_length(n_tags), longest)
    vector = (n_tags + 1) * LANES
    n_segments = -(-longest // max(segment, 1))
    size = (2 * segment + 3) * vector + STATE_SIZE + n_segments * (vector + LANES)
    return Memory(np.zeros(2 * LANES, dtype=np.int64), np.zeros(size), segment)


def segment_length(n_tags: int) -> int:
    """RETURNS (int): The number of tokens of a segment."""
    length = _SEGMENT_STATES // (n_tags + 1)
    return min(max(length, _SHORTEST_SEGMENT), _LONGEST_SEGMENT)


@inlined
def block_in(memory, n_tags):  # type: ignore[no-untyped-def]
    """Divide the memory of a block."""
    sequences, numbers = pointer(memory.sequences), pointer(memory.numbers)
    vector = (n_tags + 1) * LANES
    states = (memory.segment + 1) * vector
    return Block(
        sequences,
        at(sequences, LANES),
        memory.segment,
        n_tags,
        vector,
        numbers,
        at(numbers, states),
        at(numbers, 2 * states),
        at(numbers, 2 * states + vector + STATE_SIZE),
        at(numbers, 2 * states + vector),
    )


@inlined
def point_to(tiles):  # type: ignore[no-untyped-def]
    """Point to the arrays of tiles."""
    return TilePointers(
        tiles.columns.shape[0],
        pointer(tiles.limits),
        pointer(tiles.rows),
        pointer(tiles.columns),
        pointer(tiles.values),
    )


@inlined
def copy(source, target, n_vectors):  # type: ignore[no-untyped-def]
    """Copy vectors of eight numbers to where they do not overlap."""
    for n in range(n_vectors):
        store(target, n * LANES, load(source, n * LANES))


@inlined
def fill_all(target, number, n_vectors):  # type: ignore[no-untyped-def]
    """Write one number to vectors of eight."""
    for n in range(n_vectors):
        store(target, n * LANES, fill(number))
