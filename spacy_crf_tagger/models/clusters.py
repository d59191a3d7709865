"""Word clusters as features: prefixes of the path of a word in a tree of clusters
(Brown et al. 1992; as features of entities Miller et al. 2004, Ratinov and Roth 2009).
"""

import re
from functools import partial
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
import srsly
from numpy.typing import NDArray
from spacy.strings import get_string_id
from thinc.api import deserialize_attr, serialize_attr

from .word_table import Ids, WordTable

_NAME = re.compile(r"CLUSTER([1-9][0-9]?)?")
# The feature of a word that is in no cluster.
_NONE = 0

Lengths = Tuple[Optional[int], ...]


def find_clusters(attrs: Sequence[Union[str, int]]) -> List[Tuple[int, Optional[int]]]:
    """Find the clusters among the attributes of a model: `"CLUSTER4"` is the first four
    bits of the path of a word's cluster, `"CLUSTER"` the whole path.

    attrs (Sequence[Union[str, int]]): The attributes.
    RETURNS (List[Tuple[int, Optional[int]]]): The place of each among them, and the
        number of bits, None for all.
    """
    found: List[Tuple[int, Optional[int]]] = []
    for place, attr in enumerate(attrs):
        match = _NAME.fullmatch(attr) if isinstance(attr, str) else None
        if match:
            found.append((place, int(match[1]) if match[1] else None))
    return found


class WordClusters:
    """The clusters of words, in a form that is saved with a model."""

    def __init__(self, paths: Optional[Mapping[str, str]] = None) -> None:
        """Take over paths.

        paths (Optional[Mapping[str, str]]): The path of each word, of the characters 0
            and 1.
        """
        paths = paths or {}
        distinct = sorted(set(paths.values()))
        place = {path: n for n, path in enumerate(distinct)}
        keys = np.array([get_string_id(word) for word in paths], dtype=np.uint64)
        places = np.array([place[path] for path in paths.values()], dtype=np.uint32)
        order = np.argsort(keys)
        # The words by their numbers in ascending order, [W], and the path of each.
        self.keys: Ids = keys[order]
        self.places: NDArray[np.uint32] = places[order]
        self.paths = distinct
        self._tables: Dict[Lengths, WordTable] = {}

    def __len__(self) -> int:
        """RETURNS (int): How many words have a cluster."""
        return len(self.keys)

    def __deepcopy__(self, memo: Any) -> "WordClusters":
        return self  # which nothing changes

    def table(self, lengths: Lengths) -> WordTable:
        """RETURNS (WordTable): Prefixes of the paths of words, of some lengths."""
        if lengths not in self._tables:
            features = self._features(lengths)
            compute = partial(self._look_up, features)
            self._tables[lengths] = WordTable(len(lengths), compute)
        return self._tables[lengths]

    def _features(self, lengths: Lengths) -> Ids:
        """RETURNS (NDArray[uint64]): The prefixes of each path, and in the last row
        those of words without one, [paths + 1, lengths].
        """
        rows = [[get_string_id(path[:n]) for n in lengths] for path in self.paths]
        rows.append([_NONE] * len(lengths))
        return np.array(rows, dtype=np.uint64)

    def _look_up(self, features: Ids, words: List[str]) -> Ids:
        places = np.full(len(words), len(self.paths), dtype=np.int64)
        if not len(self.keys):
            return features[places]
        # What is most exact comes last, and stays.
        for form in (_capitalised, str.lower, str):
            ids = np.array([get_string_id(form(word)) for word in words], np.uint64)
            found = np.minimum(np.searchsorted(self.keys, ids), len(self.keys) - 1)
            is_known = self.keys[found] == ids
            places[is_known] = self.places[found[is_known]]
        return features[places]


def _capitalised(word: str) -> str:
    return word[:1].upper() + word[1:].lower()


@serialize_attr.register(WordClusters)
def _to_bytes(_: Any, value: WordClusters, name: str, model: Any) -> bytes:
    data = {"keys": value.keys, "places": value.places, "paths": value.paths}
    written: bytes = srsly.msgpack_dumps(data)
    return written


@deserialize_attr.register(WordClusters)
def _from_bytes(_: Any, value: bytes, name: str, model: Any) -> WordClusters:
    data = srsly.msgpack_loads(value)
    clusters = WordClusters()
    clusters.keys, clusters.places = data["keys"], data["places"]
    clusters.paths = list(data["paths"])
    return clusters
