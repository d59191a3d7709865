"""Merge classes two by two (Brown et al. 1992, "Class-based n-gram models of natural
language", with what Liang 2005 keeps of each merge from one to the next).
"""

from typing import List, Tuple

import numpy as np

from .bigrams import Ints
from .statistics import (
    Floats,
    Report,
    Statistics,
    x_log_x,
    x_log_x_table,
)


def merge_classes(
    statistics: Statistics, n_classes: int, report: Report = lambda *_: None
) -> List[Tuple[int, int]]:
    """Merge classes until one is left, each time the two by which least mutual
    information is lost.

    statistics (Statistics): How often classes follow each other, which changes.
    n_classes (int): How many classes of words there are.
    report (Callable[[str, int, int], None]): Is told how far the work is.
    RETURNS (List[Tuple[int, int]]): The classes that become one, the first of which has
        the lower number and gives it to both.
    """
    merging = _Merging(statistics, n_classes)
    for d in range(len(statistics.sizes)):
        merging.add_losses_beside(1, d)
        report("Comparing classes", 1, len(statistics.sizes))
    merging.finish()
    merges = []
    for _ in range(n_classes - 1):
        merges.append(merging.merge())
        report("Merging classes", 1, n_classes - 1)
    return merges


class _Merging:
    """Classes that are left, and what each merge of two of them would lose."""

    def __init__(self, statistics: Statistics, n_classes: int) -> None:
        from . import kernels

        self._kernels = kernels
        self._pairs, self._pairs_before, self._sizes = statistics
        self._table = x_log_x_table()
        self._left = np.arange(n_classes)
        # Of a merge of two classes, in the row of the one with the lower number.
        self._losses = np.zeros((n_classes, n_classes))

    def add_losses_beside(self, sign: int, d: int) -> None:
        """Add what each merge loses in the counts of a class, or take it out."""
        for rows in (self._pairs, self._pairs_before):
            self._kernels.add_losses(
                sign, rows[d], self._left, len(self._left), self._losses, self._table
            )

    def finish(self) -> None:
        """Put right what merges lose in the counts of the two classes themselves, and
        let nothing else be chosen.
        """
        for s in self._left.tolist():
            others = self._left[s + 1 :]
            self._losses[s, others] += self._correction(s, others)
        self._losses[np.tril_indices(len(self._left))] = np.inf

    def merge(self) -> Tuple[int, int]:
        """RETURNS (Tuple[int, int]): The two classes that have become one."""
        s, t = divmod(int(self._losses.argmin()), len(self._losses))
        self._left = self._left[self._left != t]
        for d in (s, t):
            self.add_losses_beside(-1, d)
        for rows in (self._pairs, self._pairs_before):
            rows[s] += rows[t]
            rows[:, s] += rows[:, t]
            rows[t] = 0
            rows[:, t] = 0
        self._sizes[s] += self._sizes[t]
        self.add_losses_beside(1, s)
        self._losses[t] = np.inf
        self._losses[:, t] = np.inf
        others = self._left[self._left != s]
        losses = self._correction(s, others)
        for rows in (self._pairs, self._pairs_before):
            losses += self._kernels.losses_with(
                s, rows, others, len(others), self._table
            )
        self._losses[np.minimum(s, others), np.maximum(s, others)] = losses
        return s, t

    def _correction(self, s: int, others: Ints) -> Floats:
        """RETURNS (NDArray[float64]): What a class and each of others lose as one,
        beside what they lose in the counts of all classes as if they were not of them.
        """
        rows = self._pairs
        own, its, there, back = (
            x.astype(np.int64)
            for x in (
                rows[s, s],
                rows[others, others],
                rows[s, others],
                rows[others, s],
            )
        )
        both = x_log_x(own) + x_log_x(its) + x_log_x(there) + x_log_x(back)
        both -= x_log_x(own + its + there + back)
        # Each of these four counts was compared along its row and along its column.
        for x, y in ((own, back), (there, its), (own, there), (back, its)):
            both -= _loss(x, y)
        return both - 2.0 * _loss(self._sizes[s], self._sizes[others])


def _loss(x: Ints, y: Ints) -> Floats:
    """RETURNS (NDArray[float64]): What is lost if two counts become one."""
    return x_log_x(x) + x_log_x(y) - x_log_x(x + y)
