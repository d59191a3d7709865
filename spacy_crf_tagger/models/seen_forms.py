"""Remember the word forms of the training data, and hide others in prediction."""

from typing import List, Union

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import IDS, LEMMA, LOWER, NORM, ORTH

# Attributes that tell words apart, rather than what they have in common.
_FORMS = (ORTH, LOWER, NORM, LEMMA)
_HIDDEN = 0

Attrs = List[Union[str, int]]
Bits = NDArray[np.uint8]
Features = NDArray[np.uint64]

# One bit for each value of a hash of the form. Of 100,000 forms that were seen, 5% of
# all others share a bit with one.
_N_BITS = 21


def no_forms() -> Bits:
    """RETURNS (NDArray[uint8]): The bits of a model that has seen nothing."""
    return np.zeros(2**_N_BITS // 8, dtype=np.uint8)


def note_forms(seen: Bits, features: Features, attrs: Attrs) -> None:
    """Set the bits of forms that are seen.

    seen (NDArray[uint8]): The bits; changed in place.
    features (NDArray[uint64]): Hashed attributes, [N, attributes].
    attrs (List[Union[str, int]]): Their names.
    """
    for column in _form_columns(attrs):
        byte, bit = _place(features[:, column])
        np.bitwise_or.at(seen, byte, bit)


def hide_randomly(features: Features, attrs: Attrs, rate: float) -> None:
    """Hide the forms of random tokens.

    features (NDArray[uint64]): Hashed attributes, [N, attributes]; changed in place.
    attrs (List[Union[str, int]]): Their names.
    rate (float): The share of tokens, for each attribute that is a form.
    """
    for column in _form_columns(attrs):
        hidden = np.random.random(len(features)) < rate
        features[hidden, column] = _HIDDEN


def hide_unseen(seen: Bits, features: Features, attrs: Attrs) -> None:
    """Hide the forms that have not been seen.

    seen (NDArray[uint8]): The bits of those that have.
    features (NDArray[uint64]): Hashed attributes, [N, attributes]; changed in place.
    attrs (List[Union[str, int]]): Their names.
    """
    for column in _form_columns(attrs):
        byte, bit = _place(features[:, column])
        features[(seen[byte] & bit) == 0, column] = _HIDDEN


def _form_columns(attrs: Attrs) -> List[int]:
    return [n for n, attr in enumerate(attrs) if IDS.get(attr, attr) in _FORMS]


def _place(forms: Features) -> "tuple[NDArray[np.uint64], Bits]":
    """RETURNS (tuple): The byte of each form, and its bit in there."""
    place = forms >> np.uint64(64 - _N_BITS)
    bit = np.left_shift(1, place & np.uint64(7), dtype=np.uint8, casting="unsafe")
    return place >> np.uint64(3), bit
