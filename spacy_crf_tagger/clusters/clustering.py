"""Word classes with as much mutual information of neighbours as possible, and the tree
of their merges.

The classes are found by exchange (Kneser and Ney 1993, "Improved clustering techniques
for class-based statistical language modelling"; Martin, Liermann and Ney 1998,
"Algorithms for bigram and trigram word clustering"): each word is moved to where the
mutual information is largest, as long as there is one to move. Then classes are merged
two by two, each time with the least loss (Brown et al. 1992, "Class-based n-gram models
of natural language"). Liang (2005) makes a merge for each word that is added, and no
word moves afterwards; that takes C² steps for each word, and a move only as many as C
times the classes that stand beside the word.
"""

from typing import List, NamedTuple, Tuple

import numpy as np

from .bigrams import Bigrams, Ids
from .merging import merge_classes
from .paths import ClusteredWord
from .statistics import (
    N_FIXED,
    Report,
    count_classes,
    mutual_information,
    x_log_x_table,
)
from .tree import codes_of_merges

MOST_SWEEPS = 20
# A sweep that adds less than this part of the mutual information is the last.
LEAST_GAIN = 5e-4
_STEP = 1 << 8


class Clusters(NamedTuple):
    """Words in classes.

    words (List[ClusteredWord]): The words with their paths.
    information (float): The average mutual information of neighbouring classes, in
        bits.
    n_classes (int): How many classes there are.
    n_sweeps (int): How often all words were looked at.
    """

    words: List[ClusteredWord]
    information: float
    n_classes: int
    n_sweeps: int


def cluster(
    bigrams: Bigrams, n_classes: int, report: Report = lambda *_: None
) -> Clusters:
    """Put words into classes, and the classes into a tree. The same counts always give
    the same clusters.

    bigrams (Bigrams): The words and their neighbours.
    n_classes (int): How many classes to make; fewer if there are not so many words.
    report (Callable[[str, int, int], None]): Is told how far the work is.
    RETURNS (Clusters): The clusters.
    RAISES (ValueError): If there is no word.
    """
    if not bigrams.words:
        raise ValueError("there are no words to put into classes")
    n_classes = min(n_classes, len(bigrams.words))
    class_of, n_sweeps = find_classes(bigrams, n_classes, report)
    statistics = count_classes(bigrams, class_of, n_classes)
    information = mutual_information(statistics.pairs)
    merges = merge_classes(statistics, n_classes, report)
    codes = codes_of_merges(merges, n_classes)
    words = [
        ClusteredWord(codes[own], word, int(total))
        for word, own, total in zip(
            bigrams.words, class_of.tolist(), bigrams.totals, strict=False
        )
    ]
    return Clusters(words, information, n_classes, n_sweeps)


def find_classes(
    bigrams: Bigrams,
    n_classes: int,
    report: Report = lambda *_: None,
    *,
    least_gain: float = LEAST_GAIN,
) -> Tuple[Ids, int]:
    """Find the class of each word by exchange. The most frequent words start with
    classes of their own, and the others are added by their frequencies.

    bigrams (Bigrams): The words and their neighbours.
    n_classes (int): How many classes, no more than there are words.
    report (Callable[[str, int, int], None]): Is told how far the work is.
    least_gain (float): A sweep that adds less than this part of the mutual information
        is the last.
    RETURNS (Tuple[NDArray[int32], int]): The class of each symbol, [S], and how often
        all words were looked at.
    """
    from . import kernels  # Numba takes a second that no other command should wait for

    n_words = len(bigrams.words)
    # What has no class yet is among the words that are left out.
    class_of = np.full(n_words + N_FIXED, n_classes, dtype=np.int32)
    class_of[:n_classes] = np.arange(n_classes)
    class_of[-1] = n_classes + 1
    members = np.ones(n_classes, dtype=np.int64)
    statistics = count_classes(bigrams, class_of, n_classes)
    table = x_log_x_table()

    def sweep(first: int, doing: str) -> int:
        n_moved = 0
        for start in range(first, n_words, _STEP):
            stop = min(start + _STEP, n_words)
            n_moved += kernels.exchange(
                start,
                stop,
                class_of,
                members,
                bigrams.totals,
                *bigrams.after,
                *bigrams.before,
                *statistics,
                table,
            )
            report(doing, stop - start, n_words - first)
        return n_moved

    sweep(n_classes, "Adding words")
    information = mutual_information(statistics.pairs)
    for number in range(1, MOST_SWEEPS + 1):
        n_moved = sweep(0, f"Moving words, sweep {number}")
        before, information = information, mutual_information(statistics.pairs)
        if n_moved == 0 or information - before < least_gain * information:
            break
    return class_of, number
