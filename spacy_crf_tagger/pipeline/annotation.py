"""Annotation as tag numbers, for any tag set."""

from typing import List, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

UNKNOWN = -1  # the tag of a token without annotation

Mask = NDArray[np.bool_]
Tags = NDArray[np.int64]


class Annotation(Protocol):
    """What a component has to know about the annotation of a batch. It may know more.

    tags (NDArray[int]): The tag of each predicted token, `UNKNOWN` where annotation is
        missing, [N].
    new_labels (List[str]): Labels that the component does not have, sorted. Where there
        are any, the tags are of no use.
    """

    @property
    def tags(self) -> Tags:
        """RETURNS (NDArray[int]): See above."""
        ...

    @property
    def new_labels(self) -> List[str]:
        """RETURNS (List[str]): See above."""
        ...


class TagAnnotation(NamedTuple):
    """The annotation of a batch, of which nothing but tags is known.

    tags (NDArray[int]): See `Annotation`.
    new_labels (List[str]): See `Annotation`.
    """

    tags: Tags
    new_labels: List[str]


def known_mask(tags: Tags, n_tags: int) -> Mask:
    """Turn known tags into allowed ones.

    tags (NDArray[int]): The tag of each token, or `UNKNOWN`, [N].
    n_tags (int): Number of tags, K.
    RETURNS (NDArray[bool]): One allowed tag for each known token, all for an unknown
        one, [N, K].
    """
    mask = np.zeros((len(tags), n_tags), dtype=bool)
    unknown = tags == UNKNOWN
    mask[unknown] = True
    known = np.flatnonzero(~unknown)
    mask[known, tags[known]] = True
    return mask
