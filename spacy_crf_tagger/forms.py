"""How often training has seen each word form, and hiding those that are rare."""

from typing import List, Union

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import IDS, LEMMA, LOWER, NORM, ORTH

# Attributes that tell words apart, rather than what they have in common.
_FORMS = (ORTH, LOWER, NORM, LEMMA)
_HIDDEN = 0
# Until training has seen as many tokens, all its words count as if it had.
_TOKENS = 100_000

Attrs = List[Union[str, int]]
Features = NDArray[np.uint64]
# Hashed forms in rising order, and how often each was seen, [2, forms].
Counts = NDArray[np.uint64]


def no_forms() -> Counts:
    """RETURNS (NDArray[uint64]): The counts before training, [2, 0]."""
    return np.zeros((2, 0), dtype=np.uint64)


def count_forms(counts: Counts, features: Features, attrs: Attrs) -> Counts:
    """Count the forms of tokens.

    counts (NDArray[uint64]): The forms so far and their numbers, [2, forms].
    features (NDArray[uint64]): Hashed attributes, [N, attributes].
    attrs (List[Union[str, int]]): Their names.
    RETURNS (NDArray[uint64]): The forms with these tokens and their numbers, a new
        array: [2, forms].
    """
    met, times = np.unique(features[:, _form_columns(attrs)], return_counts=True)
    forms, inverse = np.unique(np.concatenate([counts[0], met]), return_inverse=True)
    numbers = np.zeros(len(forms), dtype=np.uint64)
    np.add.at(numbers, inverse, np.concatenate([counts[1], times.astype(np.uint64)]))
    return np.stack([forms, numbers])


def hide_rare(
    counts: Counts, features: Features, attrs: Attrs, even_odds: float
) -> None:
    """Hide the forms of random tokens, the rarer the likelier (Kiperwasser and Goldberg
    2016, with frequencies in place of counts, so that the size of a corpus does not
    matter).

    counts (NDArray[uint64]): The forms with their numbers, [2, forms].
    features (NDArray[uint64]): Hashed attributes, [N, attributes]; changed in place.
    attrs (List[Union[str, int]]): Their names.
    even_odds (float): The occurrences per 100,000 tokens at which a form is hidden half
        of the time.
    """
    columns = _form_columns(attrs)
    n_tokens = max(float(counts[1].sum()) / max(1, len(columns)), _TOKENS)
    for column in columns:
        frequency = _look_up(counts, features[:, column]) * (_TOKENS / n_tokens)
        hidden = np.random.random(len(features)) * (even_odds + frequency) < even_odds
        features[hidden, column] = _HIDDEN


def hide_unseen(counts: Counts, features: Features, attrs: Attrs) -> None:
    """Hide the forms that have not been seen.

    counts (NDArray[uint64]): The forms with their numbers, [2, forms].
    features (NDArray[uint64]): Hashed attributes, [N, attributes]; changed in place.
    attrs (List[Union[str, int]]): Their names.
    """
    for column in _form_columns(attrs):
        unseen = _look_up(counts, features[:, column]) == 0
        features[unseen, column] = _HIDDEN


def _look_up(counts: Counts, forms: Features) -> NDArray[np.uint64]:
    """RETURNS (NDArray[uint64]): How often each form was seen."""
    if not counts.shape[1]:
        return np.zeros(len(forms), dtype=np.uint64)
    place = np.searchsorted(counts[0], forms)
    place[place == counts.shape[1]] = 0
    return np.where(counts[0, place] == forms, counts[1, place], 0)


def _form_columns(attrs: Attrs) -> List[int]:
    return [n for n, attr in enumerate(attrs) if IDS.get(attr, attr) in _FORMS]
