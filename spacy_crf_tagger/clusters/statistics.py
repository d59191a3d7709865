"""How often classes of words follow each other, and the mutual information of that."""

from typing import Callable, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .bigrams import Bigrams, Ids, Ints

Floats = NDArray[np.float64]
# Is told what is done, how much of it is done now, and of how much in all.
Report = Callable[[str, int, int], None]

N_FIXED = 2  # classes of their own: words that are left out, and boundaries
_TABLE_SIZE = 1 << 20


class Statistics(NamedTuple):
    """How often classes stand beside each other.

    pairs (NDArray[int32]): How often a class (row) precedes another, [K, K].
    pairs_before (NDArray[int32]): How often a class (row) follows another, [K, K].
    sizes (NDArray[int64]): How many tokens each class has, [K].
    """

    pairs: Ids
    pairs_before: Ids
    sizes: Ints


def count_classes(bigrams: Bigrams, class_of: Ids, n_classes: int) -> Statistics:
    """Count how often classes follow each other.

    bigrams (Bigrams): The words and their neighbours.
    class_of (NDArray[int32]): The class of each symbol, [S].
    n_classes (int): How many classes of words there are.
    RETURNS (Statistics): The counts.
    """
    size = n_classes + N_FIXED
    starts, symbols, counts = bigrams.after
    own = np.repeat(class_of, np.diff(starts))
    pairs = np.zeros((size, size), dtype=np.int32)
    np.add.at(pairs, (own, class_of[symbols]), counts)
    sizes = np.zeros(size, dtype=np.int64)
    np.add.at(sizes, class_of, bigrams.totals)
    return Statistics(pairs, np.ascontiguousarray(pairs.T), sizes)


def mutual_information(pairs: Ids) -> float:
    """Compute the average mutual information of neighbouring classes.

    pairs (NDArray[int32]): How often classes follow each other, [K, K].
    RETURNS (float): The information in bits.
    """
    total = float(pairs.sum(dtype=np.int64))
    if not total:
        return 0.0
    margins = pairs.sum(0, dtype=np.int64), pairs.sum(1, dtype=np.int64)
    parts = [x_log_x(each).sum() for each in (pairs, *margins)]
    nats = (parts[0] - parts[1] - parts[2]) / total + np.log(total)
    return float(nats / np.log(2.0))


def x_log_x_table() -> Floats:
    """RETURNS (NDArray[float64]): x log x for small whole numbers."""
    return x_log_x(np.arange(_TABLE_SIZE))


def x_log_x(counts: "NDArray[np.int32] | Ints") -> Floats:
    """RETURNS (NDArray[float64]): x log x for counts, which is 0 for 0."""
    values = counts.astype(np.float64)
    return values * np.log(np.maximum(values, 1.0))
