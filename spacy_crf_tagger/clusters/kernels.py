"""What both steps of clustering compute, compiled by Numba.

All of them count with `x log x` of whole numbers, which is looked up in a table where
it is long enough. `pairs[c, d]` is how often a word of class d follows one of class c,
and `pairs_before[d, c]` is the same, so that both ways are read along rows.
"""

import math
from typing import Any, Tuple

import numpy as np

from ..crf.backends.numba.compiled import called, inlined, kernel

# An array of numbers, of whatever type.
Array = Any


@inlined
def x_log_x(x: int, table: Array) -> float:
    """RETURNS (float): x log x, which is 0 for 0."""
    return table[x] if x < len(table) else x * math.log(x)


@called
def _classes_beside(
    word: int,
    starts: Array,
    symbols: Array,
    counts: Array,
    class_of: Array,
    found: Array,
    sums: Array,
) -> Tuple[int, int]:
    """Sum up how often words of each class stand beside a word, itself not counted.

    RETURNS (Tuple[int, int]): How many such classes there are, and how often the word
        stands beside itself.
    """
    n_found = 0
    itself = 0
    for position in range(starts[word], starts[word + 1]):
        if symbols[position] == word:
            itself = counts[position]
            continue
        c = class_of[symbols[position]]
        if sums[c] == 0:
            found[n_found] = c
            n_found += 1
        sums[c] += counts[position]
    return n_found, itself


@called
def _shift(
    c: int,
    sign: int,
    itself: int,
    found: Array,
    sums: Array,
    n_found: int,
    pairs: Array,
    pairs_before: Array,
) -> None:
    """Put what follows a word into the row of a class, or take it out."""
    for number in range(n_found):
        d = found[number]
        pairs[c, d] += sign * sums[d]
        pairs_before[d, c] += sign * sums[d]
    pairs[c, c] += sign * itself
    pairs_before[c, c] += sign * itself


@called
def _add_gains(
    gains: Array,
    found: Array,
    sums: Array,
    n_found: int,
    rows: Array,
    sizes: Array,
    table: Array,
) -> None:
    """Add what each class gains from the classes that stand beside a word on one side.

    rows (ndarray): The counts of pairs: by the class beside, and the word's own.
    """
    for number in range(n_found):
        d = found[number]
        n = sums[d]
        row = rows[d]
        if sizes[d] < len(table):
            # No count is larger, and nothing is left to check: this loop is nearly all
            # of the time.
            for c in range(len(gains)):
                x = np.uint64(row[c])
                gains[c] += table[x + np.uint64(n)] - table[x]
        else:
            for c in range(len(gains)):
                gains[c] += x_log_x(row[c] + n, table) - x_log_x(row[c], table)


@kernel
def exchange(
    first: int,
    last: int,
    class_of: Array,
    members: Array,
    totals: Array,
    starts_after: Array,
    after: Array,
    counts_after: Array,
    starts_before: Array,
    before: Array,
    counts_before: Array,
    pairs: Array,
    pairs_before: Array,
    sizes: Array,
    table: Array,
) -> int:
    """Move words, one after another, each into the class in which the mutual
    information of neighbouring classes is largest. A word without a class is moved in
    any case.

    first (int): The first word.
    last (int): The word after the last.
    class_of (ndarray): The class of each symbol, which changes, [S].
    members (ndarray): How many words each class has, which changes, [C].
    totals (ndarray): How often each symbol occurs, [S].
    starts_after, after, counts_after (ndarray): What follows each symbol.
    starts_before, before, counts_before (ndarray): What precedes each symbol.
    pairs, pairs_before (ndarray): How often classes follow each other, which change,
        [K, K]. Classes from C on have no words that are moved.
    sizes (ndarray): How many tokens each class has, which changes, [K].
    table (ndarray): x log x for small x.
    RETURNS (int): How many words have been moved.
    """
    n_classes = len(members)
    n_moved = 0
    gains = np.zeros(n_classes)
    next_sums = np.zeros(len(sizes), dtype=np.int32)
    last_sums = np.zeros(len(sizes), dtype=np.int32)
    next_found = np.zeros(len(sizes), dtype=np.int32)
    last_found = np.zeros(len(sizes), dtype=np.int32)
    for word in range(first, last):
        old = class_of[word]
        # To empty a class never gains anything.
        if old < n_classes and members[old] == 1:
            continue
        n_next, itself = _classes_beside(
            word, starts_after, after, counts_after, class_of, next_found, next_sums
        )
        n_last, itself = _classes_beside(
            word, starts_before, before, counts_before, class_of, last_found, last_sums
        )
        total = totals[word]
        _shift(old, -1, itself, next_found, next_sums, n_next, pairs, pairs_before)
        _shift(old, -1, 0, last_found, last_sums, n_last, pairs_before, pairs)
        sizes[old] -= total
        gains[:] = 0.0
        _add_gains(gains, next_found, next_sums, n_next, pairs_before, sizes, table)
        _add_gains(gains, last_found, last_sums, n_last, pairs, sizes, table)
        best = -1
        for c in range(n_classes):
            # The class beside itself was counted for each side alone.
            x, n, m = pairs[c, c], next_sums[c], last_sums[c]
            if n + m + itself > 0:
                gains[c] += (
                    x_log_x(x + n + m + itself, table)
                    + x_log_x(x, table)
                    - x_log_x(x + n, table)
                    - x_log_x(x + m, table)
                )
            gains[c] -= 2.0 * (
                x_log_x(sizes[c] + total, table) - x_log_x(sizes[c], table)
            )
            if best < 0 or gains[c] > gains[best]:
                best = c
        # What is no more than an error of rounding moves no word.
        if old < n_classes and gains[best] <= gains[old] + 1e-9 * abs(gains[old]):
            best = old
        _shift(best, 1, itself, next_found, next_sums, n_next, pairs, pairs_before)
        _shift(best, 1, 0, last_found, last_sums, n_last, pairs_before, pairs)
        sizes[best] += total
        if best != old:
            class_of[word] = best
            members[best] += 1
            if old < n_classes:
                members[old] -= 1
            n_moved += 1
        for number in range(n_next):
            next_sums[next_found[number]] = 0
        for number in range(n_last):
            last_sums[last_found[number]] = 0
    return n_moved


@kernel
def add_losses(
    sign: int, column: Array, left: Array, n_left: int, losses: Array, table: Array
) -> None:
    """Add what each merge of two classes loses in the counts of one class.

    sign (int): 1, or -1 to take it out.
    column (ndarray): How often each class stands beside that class, [K].
    left (ndarray): The classes that can be merged, in order, [C].
    n_left (int): How many of those there are.
    losses (ndarray): What is lost by each merge, which changes, [C, C].
    table (ndarray): x log x for small x.
    """
    found = np.zeros(n_left, dtype=np.int64)
    terms = np.zeros(n_left)
    n_found = 0
    for number in range(n_left):
        c = left[number]
        if column[c] > 0:
            found[n_found] = c
            terms[n_found] = x_log_x(column[c], table)
            n_found += 1
    for i in range(n_found):
        a = found[i]
        x = column[a]
        own = terms[i]
        for j in range(i + 1, n_found):
            b = found[j]
            change = own + terms[j] - x_log_x(x + column[b], table)
            losses[a, b] += sign * change


@kernel
def losses_with(s: int, rows: Array, left: Array, n_left: int, table: Array) -> Array:
    """Compute what is lost in the rows of counts if a class is merged with another.

    s (int): The class.
    rows (ndarray): How often each class stands beside each, [K, K].
    left (ndarray): The other classes, [C].
    n_left (int): How many of those there are.
    table (ndarray): x log x for small x.
    RETURNS (ndarray): What is lost with each of the other classes, [n_left].
    """
    losses = np.zeros(n_left)
    for number in range(n_left):
        t = left[number]
        for d in range(len(rows)):
            x = rows[s, d]
            y = rows[t, d]
            if x > 0 and y > 0:
                losses[number] += (
                    x_log_x(x, table) + x_log_x(y, table) - x_log_x(x + y, table)
                )
    return losses
