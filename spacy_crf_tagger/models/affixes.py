"""Beginnings and ends of words as features, of any length."""

import re
from functools import lru_cache
from typing import List, NamedTuple, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray
from spacy.strings import StringStore, get_string_id

Ids = NDArray[np.uint64]

# In characters. Longer ones would tell words apart, rather than what they share.
LONGEST = 9
_NAME = re.compile(rf"(PREFIX|SUFFIX)([1-{LONGEST}])")
# Words whose affixes are kept; a text brings new ones for ever.
_MOST_WORDS = 2**18


class Affix(NamedTuple):
    """The beginning or the end of a word, in lower case.

    is_prefix (bool): Whether it is the beginning.
    length (int): How many characters it has.
    """

    is_prefix: bool
    length: int

    def of(self, word: str) -> int:
        """RETURNS (int): The affix of a word as number in a string store; 0 for a word
        that is no longer than the affix, which would be the whole word.
        """
        if len(word) <= self.length:
            return 0
        lower = word.lower()
        part = lower[: self.length] if self.is_prefix else lower[-self.length :]
        return int(get_string_id(part))


def find_affixes(attrs: Sequence[Union[str, int]]) -> List[Tuple[int, Affix]]:
    """Find the affixes among the attributes of a model: `"PREFIX2"` is the first two
    characters of a word, `"SUFFIX4"` the last four.

    attrs (Sequence[Union[str, int]]): The attributes.
    RETURNS (List[Tuple[int, Affix]]): The place of each affix among them, and what it
        is.
    """
    found: List[Tuple[int, Affix]] = []
    for place, attr in enumerate(attrs):
        match = _NAME.fullmatch(attr) if isinstance(attr, str) else None
        if match:
            found.append((place, Affix(match[1] == "PREFIX", int(match[2]))))
    return found


class AffixTable:
    """The affixes of words, each computed once. Numbers of strings are the same in all
    vocabularies, so one table serves them all.
    """

    def __init__(self, affixes: Sequence[Affix]) -> None:
        """Create an empty table.

        affixes (Sequence[Affix]): What is looked up.
        """
        self.affixes = tuple(affixes)
        nothing = np.zeros(0, dtype=np.uint64)
        # The words in ascending order, [W], and their affixes, [W, A]. They are
        # replaced together, so that threads can share them.
        self._known = nothing, np.zeros((0, len(self.affixes)), dtype=np.uint64)

    def look_up(self, words: Ids, strings: StringStore) -> Ids:
        """Look up the affixes of words.

        words (NDArray[uint64]): Numbers of words in the string store, [N]; they may
            repeat.
        strings (StringStore): The strings.
        RETURNS (NDArray[uint64]): Their affixes, [N, A].
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
    ) -> Tuple[Ids, Ids]:
        words = [strings[number] for number in new.tolist()]
        rows = [[affix.of(word) for affix in self.affixes] for word in words]
        added = np.array(rows, dtype=np.uint64).reshape(len(new), len(self.affixes))
        together = np.concatenate([known, new])
        order = np.argsort(together)
        return together[order], np.concatenate([values, added])[order]


@lru_cache(maxsize=16)
def affix_table(affixes: Tuple[Affix, ...]) -> AffixTable:
    """RETURNS (AffixTable): The table of some affixes, which models share."""
    return AffixTable(affixes)
