"""Attributes of words that spaCy does not have: affixes of any length, and clusters."""

from typing import List, Optional, Sequence, Union

import numpy as np
from spacy.strings import StringStore

from .affixes import affix_table, find_affixes
from .clusters import WordClusters, find_clusters
from .word_table import Ids

Attrs = Sequence[Union[str, int]]


def find_computed(attrs: Attrs) -> List[int]:
    """RETURNS (List[int]): The places of affixes and of clusters among attributes."""
    return [place for place, _ in [*find_affixes(attrs), *find_clusters(attrs)]]


def compute(
    attrs: Attrs, words: Ids, strings: StringStore, clusters: Optional[WordClusters]
) -> Ids:
    """Compute the affixes and clusters of words.

    attrs (Sequence[Union[str, int]]): All attributes.
    words (NDArray[uint64]): The words, by their numbers in the string store, [N].
    strings (StringStore): The strings.
    clusters (Optional[WordClusters]): The clusters, if there are any among the
        attributes.
    RETURNS (NDArray[uint64]): What the words have in the places that `find_computed`
        returns, [N, places].
    """
    found: List[Ids] = []
    affixes = tuple(affix for _, affix in find_affixes(attrs))
    if affixes:
        found.append(affix_table(affixes).look_up(words, strings))
    lengths = tuple(n_bits for _, n_bits in find_clusters(attrs))
    if lengths and clusters is not None:
        found.append(clusters.table(lengths).look_up(words, strings))
    return np.hstack(found)


def insert(attrs: Ids, places: List[int], computed: Ids) -> Ids:
    """Put computed attributes beside others.

    attrs (NDArray[uint64]): The others, [N, others].
    places (List[int]): The places of the computed ones.
    computed (NDArray[uint64]): The computed ones, [N, places].
    RETURNS (NDArray[uint64]): All of them, [N, attributes].
    """
    merged = np.empty((len(attrs), attrs.shape[1] + len(places)), dtype=np.uint64)
    merged[:, places] = computed
    merged[:, np.delete(np.arange(merged.shape[1]), places)] = attrs
    return merged
