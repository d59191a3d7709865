"""Tag schemes: how labelled spans become one tag per token, and back."""

from functools import cached_property
from typing import Iterable, List, NamedTuple, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from . import checks
from .tag_set import Constraints, as_labels

OUTSIDE = 0  # the number of the tag "O"
POSITIONS = {"biluo": "BILU", "bio": "BI"}


class TaggedSpans(NamedTuple):
    """The spans of a ragged batch of tag sequences, ordered by their first token.

    start (NDArray[int]): First token of each span, counted over the batch, [S].
    end (NDArray[int]): Token after the last of each span, [S].
    label (NDArray[int]): Index of the label of each span, [S].
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    label: NDArray[np.int64]


class TagScheme:
    """The tags of a list of labels under a scheme: `O` first, then each label's tags.

    The tags of label number l are `1 + l * P` to `l * P + P`, where P is the number
    of positions of the scheme, so that a label appended later moves no other tag.
    """

    def __init__(self, labels: Sequence[str], name: str = "biluo") -> None:
        """Create a tag scheme.

        labels (Sequence[str]): The labels, distinct; they may contain hyphens.
        name (str): `"biluo"` (begin, inside, last, unit, outside: Ratinov and Roth
            2009) or `"bio"` (begin, inside, outside).
        RAISES (ValueError): For an unknown scheme, a label that is empty or no string,
            a repeated label, or labels that have no order.
        """
        if not isinstance(name, str) or name not in POSITIONS:
            raise ValueError(
                f"Unknown tag scheme {name!r}: choose one of {sorted(POSITIONS)}."
            )
        self.name = name
        self.labels: Tuple[str, ...] = as_labels(labels)
        self.positions = POSITIONS[name]

    @property
    def n_tags(self) -> int:
        """RETURNS (int): The number of tags, K."""
        return 1 + len(self.positions) * len(self.labels)

    @cached_property
    def tags(self) -> List[str]:
        """RETURNS (List[str]): The tags in their order, e.g. `["O", "B-PER", …]`."""
        named = [f"{pos}-{label}" for label in self.labels for pos in self.positions]
        return ["O", *named]

    @cached_property
    def tag_positions(self) -> NDArray[np.str_]:
        """RETURNS (NDArray[str]): The position letter of each tag, [K]."""
        return np.array(["O", *self.positions * len(self.labels)])

    @cached_property
    def tag_labels(self) -> NDArray[np.int64]:
        """RETURNS (NDArray[int]): The label index of each tag, -1 for `O`, [K]."""
        of_labels = np.repeat(np.arange(len(self.labels)), len(self.positions))
        return np.concatenate([[-1], of_labels]).astype(np.int64)

    @cached_property
    def constraints(self) -> Constraints:
        """RETURNS (Constraints): The tag sequences that the scheme allows."""
        letters = self.tag_positions
        continues = self.continues
        same_label = self.tag_labels[:, None] == self.tag_labels[None, :]
        if self.name == "bio":
            inside = np.isin(letters, ["B", "I"])
            closed = np.ones_like(inside)
        else:
            inside = np.isin(letters, ["B", "I"])
            closed = ~inside
        transitions = np.where(
            continues[None, :],
            inside[:, None] & same_label,
            closed[:, None],
        )
        return Constraints(transitions, start=~continues, end=closed)

    @cached_property
    def continues(self) -> NDArray[np.bool_]:
        """RETURNS (NDArray[bool]): Tags that continue an entity (`I`, `L`), [K]."""
        return np.isin(self.tag_positions, ["I", "L"])

    @cached_property
    def at_edge(self) -> NDArray[np.bool_]:
        """RETURNS (NDArray[bool]): Tags that open or close an entity by themselves
        (`B`, `L`, `U`), [K]. Under BIO, which does not mark the end, only `B`.
        """
        return np.isin(self.tag_positions, ["B", "L", "U"])

    @cached_property
    def inner_steps(self) -> NDArray[np.int64]:
        """RETURNS (NDArray[int]): Pairs of tags that follow each other inside an
        entity, [L * 4, 2]: for each label in turn B→I, B→L, I→I, I→L. Under BIO B→I
        and I→I only, [L * 2, 2].
        """
        steps = [(0, 1), (0, 2), (1, 1), (1, 2)]
        if self.name == "bio":
            steps = [(0, 1), (1, 1)]
        first = 1 + np.arange(len(self.labels)) * len(self.positions)
        pairs: NDArray[np.int64] = first[:, None, None] + np.array(steps)
        return pairs.reshape(-1, 2)

    def tag_of(
        self,
        label: NDArray[np.int64],
        first: NDArray[np.bool_],
        last: NDArray[np.bool_],
    ) -> NDArray[np.int64]:
        """Find the tags of tokens inside entities.

        label (NDArray[int]): The label index of each token's entity, [N].
        first (NDArray[bool]): Whether the token is the first of its entity, [N].
        last (NDArray[bool]): Whether the token is the last of its entity, [N].
        RETURNS (NDArray[int]): The tags, [N].
        RAISES (ValueError): For a label that there is not, or masks that do not fit.
        """
        label = checks.as_indices(label, "label", len(self.labels))
        first = checks.as_mask(first, "first", label.shape)
        last = checks.as_mask(last, "last", label.shape)
        return self._tag_of(label, first, last)

    def _tag_of(
        self,
        label: NDArray[np.int64],
        first: NDArray[np.bool_],
        last: NDArray[np.bool_],
    ) -> NDArray[np.int64]:
        if self.name == "bio":
            offset = np.where(first, 0, 1)
        else:
            offset = np.where(first, np.where(last, 3, 0), np.where(last, 2, 1))
        return 1 + label * len(self.positions) + offset

    def inside_tag(self, label: int) -> int:
        """RETURNS (int): The tag that goes on within an entity of a label.

        RAISES (ValueError): For a label that there is not.
        """
        label = checks.as_count(label, "label", 0, len(self.labels) - 1)
        return 2 + label * len(self.positions)

    def encode(
        self, spans: Iterable[Tuple[int, int, int]], length: int
    ) -> NDArray[np.int64]:
        """Turn the labelled spans of one sequence into tags.

        spans (Iterable[Tuple[int, int, int]]): First token, token after the last
            and label index of each span. They must not overlap.
        length (int): The number of tokens, N.
        RETURNS (NDArray[int]): The tags, [N].
        RAISES (ValueError): For an empty span, overlap, a span out of bounds, or a
            label that there is not.
        """
        length = checks.as_count(length, "length", 0, checks.MOST_NUMBERS)
        tags = np.zeros(length, dtype=np.int64)
        for span in spans:
            start, end, label = (
                checks.as_count(number, f"Span {span}: number", -(2**62))
                for number in _triple(span)
            )
            if not 0 <= start < end <= length:
                raise ValueError(
                    f"Span ({start}, {end}) does not fit into {length} tokens."
                )
            if not 0 <= label < len(self.labels):
                raise ValueError(
                    f"Span ({start}, {end}) has label number {label}, but there are "
                    f"{len(self.labels)} labels."
                )
            if tags[start:end].any():
                raise ValueError(f"Span ({start}, {end}) overlaps another span.")
            token = np.arange(start, end)
            tags[start:end] = self._tag_of(
                np.full(end - start, label), token == start, token == end - 1
            )
        return tags

    def decode(self, tags: NDArray[np.int64]) -> TaggedSpans:
        """Turn the tags of a ragged batch into spans. No span crosses the end of a
        sequence, since no valid sequence starts with a tag that continues one.

        tags (NDArray[int]): Tag sequences that the scheme allows, end to end, [N].
        RETURNS (TaggedSpans): The spans, numbered over the batch's tokens.
        RAISES (ValueError): For a number that is no tag's, or a tag that cannot be
            where it is.
        """
        tags = checks.as_indices(tags, "tags", self.n_tags)
        self._require_valid(tags)
        return self.decode_best(tags)

    def decode_best(self, tags: NDArray[np.int64]) -> TaggedSpans:
        """Do what `decode` does with the tags of possible paths of a lattice that has
        the constraints of the scheme.
        """
        letters = self._position_codes[tags]  # [N]
        if self.name == "biluo":
            start = np.flatnonzero((letters == _B) | (letters == _U))
            end = np.flatnonzero((letters == _L) | (letters == _U)) + 1
        else:
            start = np.flatnonzero(letters == _B)
            followed = np.zeros(len(tags), dtype=bool)
            followed[:-1] = letters[1:] == _I
            end = np.flatnonzero((letters != _O) & ~followed) + 1
        return TaggedSpans(start, end, self.tag_labels[tags[start]])

    def _require_valid(self, tags: NDArray[np.int64]) -> None:
        """Check that tags may follow each other. What ends a sequence and starts the
        next may do that as well.
        """
        allowed = self.constraints
        if not len(tags):
            return
        if not (allowed.start[tags[0]] and allowed.end[tags[-1]]):
            raise ValueError(
                f"No sequence of tags starts with {self.tags[tags[0]]} and ends with "
                f"{self.tags[tags[-1]]}."
            )
        follows = allowed.transitions[tags[:-1], tags[1:]]
        if not follows.all():
            place = int(np.argmin(follows))
            before, after = (self.tags[tag] for tag in tags[place : place + 2])
            raise ValueError(
                f"tags[{place + 1}] is {after}, which cannot follow {before}."
            )

    @cached_property
    def _position_codes(self) -> NDArray[np.int8]:
        return np.array(["OBILU".index(pos) for pos in self.tag_positions], np.int8)


def _triple(span: Iterable[int]) -> Tuple[int, ...]:
    triple = tuple(span) if hasattr(span, "__iter__") else ()
    if len(triple) != 3:
        raise ValueError(
            f"{span!r} is not a span: give first token, token after the last and label."
        )
    return triple


_O, _B, _I, _L, _U = range(5)
