"""Tag sets: tags and the transitions that are allowed between them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Iterable, List, Protocol, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from . import checks
from .arrays import to_numpy


@dataclass(frozen=True)
class Constraints:
    """Which tags may follow, open and close a tag sequence.

    transitions (NDArray[bool]): Whether tag j may follow tag i, [K, K].
    start (NDArray[bool]): Whether a tag may come first, [K].
    end (NDArray[bool]): Whether a tag may come last, [K].
    """

    transitions: NDArray[np.bool_]
    start: NDArray[np.bool_]
    end: NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Check that all are boolean and for the same tags.

        RAISES (ValueError): If they are not.
        """
        n_tags = len(checks.as_mask(self.start, "Constraints' start", (None,)))
        for name, shape in (
            ("transitions", (n_tags, n_tags)),
            ("start", (n_tags,)),
            ("end", (n_tags,)),
        ):
            what = f"Constraints' {name}"
            mask = checks.as_mask(getattr(self, name), what, shape)
            self.__dict__[name] = to_numpy(mask)


class TagSet(Protocol):
    """The tags of a list of labels. A label that is appended moves no other tag, so
    that the scores of a network go on to mean what they meant.
    """

    @property
    def labels(self) -> Tuple[str, ...]:
        """RETURNS (Tuple[str, ...]): The labels, distinct, in their order."""
        ...

    @property
    def n_tags(self) -> int:
        """RETURNS (int): The number of tags, K."""
        ...

    @property
    def tags(self) -> List[str]:
        """RETURNS (List[str]): The tags in the order of their numbers."""
        ...

    @property
    def constraints(self) -> Constraints:
        """RETURNS (Constraints): The tag sequences that are allowed."""
        ...


class PlainTags:
    """One tag for each label, as for parts of speech: any may follow any other, unless
    it is forbidden.
    """

    def __init__(
        self, labels: Sequence[str], forbidden_pairs: Iterable[Tuple[str, str]] = ()
    ) -> None:
        """Create a tag set.

        labels (Sequence[str]): The labels, distinct. Label number l is tag number l.
        forbidden_pairs (Iterable[Tuple[str, str]]): Pairs of labels of which the second
            never follows the first. Those of other labels are passed over.
        RAISES (ValueError): For a label that is empty or no string, a repeated label,
            or labels that have no order.
        """
        self.labels: Tuple[str, ...] = as_labels(labels)
        numbers = {label: number for number, label in enumerate(self.labels)}
        self._forbidden = [
            (numbers[before], numbers[after])
            for before, after in forbidden_pairs
            if before in numbers and after in numbers
        ]

    @property
    def n_tags(self) -> int:
        """RETURNS (int): The number of tags, K."""
        return len(self.labels)

    @cached_property
    def tags(self) -> List[str]:
        """RETURNS (List[str]): The tags in their order: the labels."""
        return list(self.labels)

    @cached_property
    def constraints(self) -> Constraints:
        """RETURNS (Constraints): All tag sequences without a forbidden pair."""
        everywhere = np.ones(self.n_tags, dtype=bool)
        anything = np.ones((self.n_tags, self.n_tags), dtype=bool)
        for pair in self._forbidden:
            anything[pair] = False
        return Constraints(anything, start=everywhere, end=everywhere.copy())


def as_labels(labels: Any) -> Tuple[str, ...]:
    """Check labels, which number the tags by their order.

    labels (Sequence[str]): The labels.
    RETURNS (Tuple[str, ...]): The labels.
    RAISES (ValueError): For a label that is empty or no string, a repeated label, or
        labels that have no order.
    """
    if isinstance(labels, (str, bytes, set, frozenset)) or not hasattr(
        labels, "__iter__"
    ):
        raise ValueError(
            f"Labels must be a list of strings, not {labels!r}: their order numbers "
            "the tags."
        )
    labels = tuple(labels)
    if any(not isinstance(label, str) for label in labels):
        raise ValueError(f"Labels must be strings: {list(labels)!r}.")
    if any(not label for label in labels):
        raise ValueError(f"Empty label among {list(labels)!r}.")
    if len(set(labels)) != len(labels):
        raise ValueError(f"Repeated label among {list(labels)!r}.")
    return tuple(labels)
