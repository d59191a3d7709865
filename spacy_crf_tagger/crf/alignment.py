"""Tags of two tag sets that mean the same: by name, and across schemes."""

from typing import Sequence

import numpy as np
from numpy.typing import NDArray

from .arrays import pad_with_forbidden
from .lattice import Potentials
from .scheme import TagScheme
from .tag_set import TagSet

MISSING = -1  # the number of a tag that there is not

# What the tags of BILUO are in BIO, which does not say where an entity ends.
_IN_BIO = {"U": "B", "L": "I"}


def finest(tag_sets: Sequence[TagSet]) -> TagSet:
    """Find tags that say all that those of several tag sets say.

    tag_sets (Sequence[TagSet]): The tag sets, of the same labels. Their order may
        differ.
    RETURNS (TagSet): The first; under BILUO, if it is a scheme and one of them is that.
    """
    first = tag_sets[0]
    schemes = [tags for tags in tag_sets if isinstance(tags, TagScheme)]
    if isinstance(first, TagScheme) and any(each.name == "biluo" for each in schemes):
        return TagScheme(first.labels, "biluo")
    return first


def corresponding_tags(tags: TagSet, others: TagSet) -> NDArray[np.int64]:
    """Find what tags are in another tag set: those of the same name; under BIO, B for U
    and I for L.

    tags (TagSet): The tags.
    others (TagSet): The other tag set. It is not BILUO, unless `tags` are so.
    RETURNS (NDArray[int]): The number that each of the tags has in the other tag set,
        or `MISSING`, [K].
    """
    numbers = {name: number for number, name in enumerate(others.tags)}
    if isinstance(others, TagScheme) and others.name == "bio":
        for label in others.labels:
            for position, in_bio in _IN_BIO.items():
                numbers[f"{position}-{label}"] = numbers[f"{in_bio}-{label}"]
    return np.array([numbers.get(name, MISSING) for name in tags.tags], np.int64)


def is_identity(numbers: NDArray[np.int64]) -> bool:
    """RETURNS (bool): Whether each tag has the number that it had."""
    return np.array_equal(numbers, np.arange(len(numbers)))


def take_tags(potentials: Potentials, numbers: NDArray[np.int64]) -> Potentials:
    """Give tags the scores of others.

    potentials (Potentials): The scores of some tags.
    numbers (NDArray[int]): The number that each of the wanted tags has among those;
        `MISSING` to forbid it, [K].
    RETURNS (Potentials): The scores of the wanted tags. If several have the same
        number, build the lattice with the constraints of their tag set.
    """
    if is_identity(numbers) and len(numbers) == potentials.emissions.shape[1]:
        return potentials
    emissions = pad_with_forbidden(potentials.emissions, 1, 1)[:, numbers]
    if potentials.transitions is None:
        return potentials._replace(emissions=emissions)
    transitions = pad_with_forbidden(potentials.transitions, 1, 2)
    return Potentials(
        emissions,
        transitions[numbers][:, numbers],
        pad_with_forbidden(potentials.start, 1, 1)[numbers],
        pad_with_forbidden(potentials.end, 1, 1)[numbers],
        potentials.lengths,
    )
