"""Beginnings and ends of words as features, of any length."""

import re
from functools import lru_cache, partial
from typing import List, NamedTuple, Sequence, Tuple, Union

import numpy as np
from spacy.strings import get_string_id

from .word_table import Ids, WordTable

# In characters. Longer ones would tell words apart, rather than what they share.
LONGEST = 9
_NAME = re.compile(rf"(PREFIX|SUFFIX)([1-{LONGEST}])")


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


def affixes_of(words: List[str], affixes: Sequence[Affix]) -> Ids:
    """RETURNS (NDArray[uint64]): The affixes of words, [words, affixes]."""
    rows = [[affix.of(word) for affix in affixes] for word in words]
    return np.array(rows, dtype=np.uint64).reshape(len(words), len(affixes))


@lru_cache(maxsize=16)
def affix_table(affixes: Tuple[Affix, ...]) -> WordTable:
    """RETURNS (WordTable): The table of some affixes, which models share."""
    return WordTable(len(affixes), partial(affixes_of, affixes=affixes))
