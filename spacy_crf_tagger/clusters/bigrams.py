"""Count the words of texts, and the pairs of words that follow each other."""

from typing import Any, Dict, List, NamedTuple, Tuple

import numpy as np
from numpy.typing import NDArray

from .paths import reason_against

Ints = NDArray[np.int64]
Ids = NDArray[np.int32]

# The number of what is before the first word of a sentence and after its last.
BOUNDARY = 0
# What kernels count with: 32 bits.
MOST_TOKENS = 2**31 - 1
_BITS = 32
_LOW = (1 << _BITS) - 1


class Neighbours(NamedTuple):
    """What stands beside each symbol.

    starts (NDArray[int64]): Where the neighbours of each symbol start, [S + 1].
    symbols (NDArray[int32]): The neighbours, [B].
    counts (NDArray[int32]): How often they stand there, [B].
    """

    starts: Ints
    symbols: Ids
    counts: Ids


class Bigrams(NamedTuple):
    """The counts of words and of their neighbours. The symbols are the words by their
    numbers, then one for all the words that are left out, and one for the boundary of
    sentences.

    words (List[str]): The words, the most frequent first.
    totals (NDArray[int64]): How often each symbol occurs, [S].
    after (Neighbours): What follows each symbol.
    before (Neighbours): What precedes each symbol.
    """

    words: List[str]
    totals: Ints
    after: Neighbours
    before: Neighbours


class BigramCounter:
    """Counts words and pairs of them. Memory grows with the number of different ones,
    and not with that of tokens.
    """

    def __init__(self) -> None:
        self._numbers: Dict[str, int] = {}
        # Sorted pairs with their counts; each entry is less than half of the one
        # before, so that every pair is merged only a few times.
        self._sorted: List[Tuple[NDArray[np.uint64], Ints]] = []

    @property
    def n_words(self) -> int:
        """RETURNS (int): How many different words there are."""
        return len(self._numbers)

    def number(self, word: str) -> int:
        """Look up the number of a word, or give it one.

        word (str): The word.
        RETURNS (int): Its number, from 1.
        """
        return self._numbers.setdefault(word, len(self._numbers) + 1)

    def add(self, numbers: Ints) -> None:
        """Count the words of sentences and their neighbours.

        numbers (NDArray[int64]): The numbers of the words, with `BOUNDARY` behind each
            sentence.
        """
        keys = numbers.astype(np.uint64)
        first = np.concatenate([np.zeros(1, dtype=np.uint64), keys[:-1]])
        pairs = (first << np.uint64(_BITS)) | keys
        # A sentence without words is none: two boundaries are the pair 0.
        found, counts = np.unique(pairs[pairs != 0], return_counts=True)
        self._sorted.append((found, counts.astype(np.int64)))
        while len(self._sorted) > 1 and _is_due(*self._sorted[-2:]):
            last, previous = self._sorted.pop(), self._sorted.pop()
            self._sorted.append(_merge(previous, last))

    def bigrams(self, min_count: int = 1) -> Bigrams:
        """Sum up what has been counted.

        min_count (int): Words that occur less often are left out, and so are those that
            a file of paths cannot hold.
        RETURNS (Bigrams): The counts. They depend on the sentences, and not on the
            order in which they came.
        RAISES (ValueError): If there are too many tokens.
        """
        while len(self._sorted) > 1:
            last, previous = self._sorted.pop(), self._sorted.pop()
            self._sorted.append(_merge(previous, last))
        if not self._sorted:
            self._sorted.append((np.zeros(0, dtype=np.uint64), np.zeros(0, np.int64)))
        [(pairs, counts)] = self._sorted
        if counts.sum() > MOST_TOKENS:
            raise ValueError(
                f"there are {counts.sum():,} words, and clusters can be made of "
                f"{MOST_TOKENS:,} at most: give less text"
            )
        first, second = _split(pairs)
        occurrences = _sums(first, counts, len(self._numbers) + 1)
        words, symbols = self._choose(occurrences, min_count)
        return _summarise(words, symbols[first], symbols[second], counts)

    def _choose(self, occurrences: Ints, min_count: int) -> Tuple[List[str], Ints]:
        """RETURNS (Tuple[List[str], NDArray[int64]]): The words that are kept, and the
        symbol of each number.
        """
        kept = [
            (-int(occurrences[number]), word)
            for word, number in self._numbers.items()
            if occurrences[number] >= min_count and reason_against(word) is None
        ]
        words = [word for _, word in sorted(kept)]
        symbols = np.full(len(occurrences), len(words), dtype=np.int64)
        symbols[BOUNDARY] = len(words) + 1
        for symbol, word in enumerate(words):
            symbols[self._numbers[word]] = symbol
        return words, symbols


def _is_due(previous: "tuple[Any, Any]", last: "tuple[Any, Any]") -> bool:
    return 2 * len(last[0]) > len(previous[0])


def _merge(
    one: Tuple[NDArray[np.uint64], Ints], other: Tuple[NDArray[np.uint64], Ints]
) -> Tuple[NDArray[np.uint64], Ints]:
    keys = np.concatenate([one[0], other[0]])
    counts = np.concatenate([one[1], other[1]])
    return _sum_equal(keys, counts)


def _sum_equal(
    keys: NDArray[np.uint64], counts: Ints
) -> Tuple[NDArray[np.uint64], Ints]:
    """RETURNS (Tuple[NDArray[uint64], NDArray[int64]]): Each key once, in order, with
    the sum of its counts.
    """
    # Two runs in order are merged in one pass by this kind of sorting.
    order = np.argsort(keys, kind="stable")
    keys, counts = keys[order], counts[order]
    is_first = np.ones(len(keys), dtype=bool)
    is_first[1:] = keys[1:] != keys[:-1]
    starts = np.flatnonzero(is_first)
    sums = np.add.reduceat(counts, starts) if len(starts) else counts
    return keys[starts], sums


def _split(pairs: NDArray[np.uint64]) -> Tuple[Ints, Ints]:
    first = (pairs >> np.uint64(_BITS)).astype(np.int64)
    return first, (pairs & np.uint64(_LOW)).astype(np.int64)


def _sums(symbols: Ints, counts: Ints, length: int) -> Ints:
    sums = np.zeros(length, dtype=np.int64)
    np.add.at(sums, symbols, counts)
    return sums


def _summarise(words: List[str], first: Ints, second: Ints, counts: Ints) -> Bigrams:
    n_symbols = len(words) + 2
    return Bigrams(
        words,
        _sums(first, counts, n_symbols),
        _neighbours(first, second, counts, n_symbols),
        _neighbours(second, first, counts, n_symbols),
    )


def _neighbours(of: Ints, beside: Ints, counts: Ints, n_symbols: int) -> Neighbours:
    """RETURNS (Neighbours): What stands beside each symbol."""
    keys = (of.astype(np.uint64) << np.uint64(_BITS)) | beside.astype(np.uint64)
    pairs, sums = _sum_equal(keys, counts)
    own, others = _split(pairs)
    starts = np.searchsorted(own, np.arange(n_symbols + 1))
    return Neighbours(
        starts.astype(np.int64), others.astype(np.int32), sums.astype(np.int32)
    )
