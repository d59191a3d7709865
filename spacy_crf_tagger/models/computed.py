"""Attributes of words that spaCy does not have: affixes of any length, and clusters."""

from functools import lru_cache
from typing import List, NamedTuple, Optional, Tuple, Union

import numpy as np
from spacy.strings import StringStore

from .affixes import Affix, affix_table, find_affixes
from .clusters import Lengths, WordClusters, find_clusters
from .word_table import Ids


class ComputedAttrs(NamedTuple):
    """The affixes and clusters among attributes.

    places (Tuple[int, ...]): Their places, those of affixes first.
    others (Tuple[int, ...]): The places of all other attributes.
    affixes (Tuple[Affix, ...]): The affixes.
    lengths (Tuple[Optional[int], ...]): The bits of each cluster; None for all.
    """

    places: Tuple[int, ...]
    others: Tuple[int, ...]
    affixes: Tuple[Affix, ...]
    lengths: Lengths

    def compute(
        self, words: Ids, strings: StringStore, clusters: Optional[WordClusters]
    ) -> Ids:
        """Compute the affixes and clusters of words.

        words (NDArray[uint64]): The words, by their numbers in the string store, [N].
        strings (StringStore): The strings.
        clusters (Optional[WordClusters]): The clusters, if there are any among the
            attributes.
        RETURNS (NDArray[uint64]): What the words have in `places`, [N, places].
        """
        found: List[Ids] = []
        if self.affixes:
            found.append(affix_table(self.affixes).look_up(words, strings))
        if self.lengths and clusters is not None:
            found.append(clusters.table(self.lengths).look_up(words, strings))
        return np.hstack(found)

    def insert(self, attrs: Ids, computed: Ids) -> Ids:
        """Put computed attributes beside others.

        attrs (NDArray[uint64]): The others, [N, others].
        computed (NDArray[uint64]): The computed ones, [N, places].
        RETURNS (NDArray[uint64]): All of them in their places, [N, attributes].
        """
        n_attrs = len(self.others) + len(self.places)
        merged = np.empty((len(attrs), n_attrs), dtype=np.uint64)
        merged[:, self.places] = computed
        merged[:, self.others] = attrs
        return merged


@lru_cache(maxsize=64)
def find_computed(attrs: Tuple[Union[str, int], ...]) -> ComputedAttrs:
    """Find the affixes and clusters among attributes. They are found once: every batch
    asks for them.

    attrs (Tuple[Union[str, int], ...]): The attributes.
    RETURNS (ComputedAttrs): The affixes and clusters.
    """
    affixes, clusters = find_affixes(attrs), find_clusters(attrs)
    places = tuple(place for place, _ in [*affixes, *clusters])
    return ComputedAttrs(
        places,
        tuple(place for place in range(len(attrs)) if place not in places),
        tuple(affix for _, affix in affixes),
        tuple(n_bits for _, n_bits in clusters),
    )
