"""Features of words that Python computes, each word once."""

from typing import Callable, List

import numpy as np
from numpy.typing import NDArray
from spacy.strings import StringStore

Ids = NDArray[np.uint64]
Compute = Callable[[List[str]], Ids]

# Words whose features are kept; a text brings new ones for ever.
_MOST_WORDS = 2**18


class WordTable:
    """Features of words. Numbers of strings are the same in all vocabularies, so one
    table serves them all.
    """

    def __init__(self, n_features: int, compute: Compute) -> None:
        """Create an empty table.

        n_features (int): How many features a word has.
        compute (Callable[[List[str]], NDArray[uint64]]): Gives the features of words,
            [words, features].
        """
        self.compute = compute
        nothing = np.zeros(0, dtype=np.uint64)
        # The words in ascending order, [W], and their features, [W, F]. They are
        # replaced together, so that threads can share them.
        self._known = nothing, np.zeros((0, n_features), dtype=np.uint64)

    def look_up(self, words: Ids, strings: StringStore) -> Ids:
        """Look up the features of words.

        words (NDArray[uint64]): Numbers of words in the string store, [N]; they may
            repeat.
        strings (StringStore): The strings.
        RETURNS (NDArray[uint64]): Their features, [N, F].
        """
        distinct, place = np.unique(words, return_inverse=True)
        known, values = self._known
        found = np.minimum(np.searchsorted(known, distinct), max(len(known) - 1, 0))
        is_known = np.zeros(len(distinct), dtype=bool)
        if len(known):
            is_known = known[found] == distinct
        if not is_known.all():
            new = distinct[~is_known]
            if len(known) + len(new) > _MOST_WORDS:
                kept = distinct[is_known]
                known, values = kept, values[found[is_known]]
            known, values = self._with(new, known, values, strings)
            self._known = known, values
            found = np.searchsorted(known, distinct)
        return np.ascontiguousarray(values[found][place])

    def _with(
        self, new: Ids, known: Ids, values: Ids, strings: StringStore
    ) -> "tuple[Ids, Ids]":
        added = self.compute([strings[number] for number in new.tolist()])
        together = np.concatenate([known, new])
        order = np.argsort(together)
        return together[order], np.concatenate([values, added])[order]
