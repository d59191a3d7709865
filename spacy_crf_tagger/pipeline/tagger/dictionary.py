"""A dictionary of the tags that words can have."""

from collections import defaultdict
from typing import Any, DefaultDict, Dict, Iterable, List, Mapping, Optional, Sequence

import numpy as np
from spacy.strings import StringStore
from spacy.tokens import Doc
from spacy.training import Example

from ..annotation import Mask
from .attribute import TokenAttribute

TagDictionary = Mapping[str, Sequence[str]]


def check_dictionary(dictionary: Any, labels: Sequence[str]) -> Dict[str, List[str]]:
    """Check a dictionary that a user has given.

    dictionary (Mapping[str, Sequence[str]]): The labels that each word can have.
    labels (Sequence[str]): The labels of the component.
    RETURNS (Dict[str, List[str]]): The dictionary.
    RAISES (ValueError): If it is none, or a word has no label or one that there is not.
    """
    if not isinstance(dictionary, Mapping):
        raise ValueError(
            f"tag_dictionary must map words to lists of labels, not {dictionary!r}."
        )
    known = set(labels)
    checked: Dict[str, List[str]] = {}
    for word, tags in dictionary.items():
        if not isinstance(word, str) or isinstance(tags, str) or not tags:
            raise ValueError(
                f"tag_dictionary: the word {word!r} needs a list of labels, not "
                f"{tags!r}."
            )
        unknown = [tag for tag in tags if tag not in known]
        if unknown:
            raise ValueError(
                f"tag_dictionary: the word {word!r} has {unknown}, which are no "
                f"labels. The labels are {list(labels)}."
            )
        checked[word] = list(tags)
    return checked


def count_dictionary(
    examples: Iterable[Example],
    attribute: TokenAttribute,
    labels: Sequence[str],
    least: int,
) -> Dict[str, List[str]]:
    """Make a dictionary of the words that occur often in annotated documents.

    examples (Iterable[Example]): The examples.
    attribute (TokenAttribute): Where the tags are.
    labels (Sequence[str]): The labels of the component.
    least (int): How often a word must be annotated.
    RETURNS (Dict[str, List[str]]): The labels of each such word, with which it was
        annotated at least once.
    """
    counts: DefaultDict[str, int] = defaultdict(int)
    seen: DefaultDict[str, set[str]] = defaultdict(set)
    known = set(labels)
    for example in examples:
        strings = example.y.vocab.strings
        ids = attribute.read(example.y).tolist()
        for token, number in zip(example.y, ids, strict=True):
            if number and strings[number] in known:
                counts[token.text] += 1
                seen[token.text].add(strings[number])
    return {
        word: sorted(seen[word])
        for word, count in sorted(counts.items())
        if count >= least
    }


class DictionaryMask:
    """Which tags the words of documents can have."""

    def __init__(
        self, dictionary: TagDictionary, labels: Sequence[str], strings: StringStore
    ) -> None:
        """Number words and labels.

        dictionary (Mapping[str, Sequence[str]]): The labels that each word can have.
        labels (Sequence[str]): The labels of the component.
        strings (StringStore): The strings of its vocabulary.
        """
        numbers = {label: n for n, label in enumerate(labels)}
        words = np.array([strings.add(word) for word in dictionary], dtype=np.uint64)
        rows = np.zeros((len(words) + 1, len(labels)), dtype=bool)
        rows[-1] = True  # of a word that is not in the dictionary
        for row, tags in zip(rows, dictionary.values(), strict=False):
            row[[numbers[tag] for tag in tags]] = True
        order = np.argsort(words)
        self._words = words[order]  # [W]
        self._rows = rows[np.append(order, len(words)).astype(np.int64)]  # [W + 1, K]

    def of(self, docs: Sequence[Doc]) -> Optional[Mask]:
        """Look up the words of documents.

        docs (Sequence[Doc]): The documents.
        RETURNS (Optional[NDArray[bool]]): The tags that each token can have, [N, K];
            None if none of its words is in the dictionary.
        """
        if not len(self._words):
            return None
        nothing = np.zeros(0, dtype=np.uint64)
        ids = np.concatenate([nothing, *(doc.to_array("ORTH") for doc in docs)])
        place = np.minimum(np.searchsorted(self._words, ids), len(self._words) - 1)
        is_known = self._words[place] == ids
        if not is_known.any():
            return None
        return self._rows[np.where(is_known, place, len(self._words))]
