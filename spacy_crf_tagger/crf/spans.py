"""Probabilities of labelled spans, from the posterior of their tags."""

from itertools import pairwise
from typing import List, NamedTuple, Optional, Tuple, Union, cast

import numpy as np
from numpy.typing import NDArray

from . import checks
from .arrays import to_numpy
from .backends.protocol import Backend
from .inference import require_lattice, require_possible_tags
from .lattice import Lattice, Lengths, offsets_of
from .posterior import tag_posterior
from .scheme import OUTSIDE, TaggedSpans, TagScheme

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# First token, token after the last, label index.
LabelledSpan = Tuple[int, int, int]


class ScoredSpans(NamedTuple):
    """Spans with their probabilities.

    start (NDArray[int]): First token of each span, counted over the batch, [S].
    end (NDArray[int]): Token after the last of each span, [S].
    label (NDArray[int]): Index of the label of each span, [S].
    probability (NDArray[float]): Probability of each span with its label, [S].
    """

    start: Ints
    end: Ints
    label: Ints
    probability: Floats

    def take(self, numbers: Ints) -> "ScoredSpans":
        """RETURNS (ScoredSpans): Some of the spans, in the order of their numbers.

        RAISES (ValueError): For a number that is no span's.
        """
        numbers = checks.as_indices(numbers, "numbers", len(self.start))
        return ScoredSpans._make(column[numbers] for column in self)


def require_tags(lattice: Lattice, scheme: TagScheme) -> None:
    """Check that a lattice is for the tags of a scheme.

    lattice (Lattice): The lattice.
    scheme (TagScheme): The scheme.
    RAISES (ValueError): If it is not, or one of them is something else.
    """
    require_lattice(lattice)
    if not isinstance(scheme, TagScheme):
        raise ValueError(f"A TagScheme is needed, not {scheme!r}.")
    if scheme.n_tags != lattice.n_tags:
        raise ValueError(
            f"The labels {list(scheme.labels)} take {scheme.n_tags} tags under the "
            f"scheme {scheme.name!r}, but the lattice has {lattice.n_tags}."
        )


class SpanPosterior:
    """The distribution over analyses, ready to be asked about labelled spans.

    Under a tag scheme a span has exactly one path through its own tokens, so that its
    probability is that of its first tag times one conditional a token (Culotta and
    McCallum 2004, "Confidence estimation for information extraction").
    """

    @np.errstate(all="ignore")
    def __init__(
        self, lattice: Lattice, scheme: TagScheme, backend: Optional[Backend] = None
    ) -> None:
        """Run forward-backward once.

        lattice (Lattice): The lattice of a ragged batch.
        scheme (TagScheme): Its tags.
        backend (Optional[Backend]): Which kernels to use; chosen by the arrays if None.
        RAISES (ValueError): If the lattice is not for the tags of the scheme.
        """
        require_tags(lattice, scheme)
        self.scheme = scheme
        self.offsets = offsets_of(lattice.lengths)
        pairs = scheme.inner_steps
        tags, conditionals = tag_posterior(lattice, pairs, backend)
        # Probability of each tag at each token, [N, K].
        self.tags: Floats = to_numpy(tags)
        n_tokens, n_labels = len(self.tags), len(scheme.labels)
        # By label and position, without O: [N, L, P].
        shape = (n_tokens, n_labels, len(scheme.positions))
        self._by_label = self.tags[:, 1:].reshape(shape)
        # Probability of each of the scheme's inner steps at a token, given the tag it
        # starts from, with an impossible token after the last: [N + 1, L, 4 or 2].
        n_steps = len(pairs) // n_labels if n_labels else 0
        self._steps = np.zeros((n_tokens + 1, n_labels, n_steps))
        self._steps[:-1] = to_numpy(conditionals).reshape(n_tokens, n_labels, n_steps)

    @property
    def labels(self) -> Floats:
        """RETURNS (NDArray[float]): Probability that each token lies in an entity of
        each label, [N, L].
        """
        return cast(Floats, self._by_label.sum(2))

    @property
    def expected_numbers(self) -> Floats:
        """RETURNS (NDArray[float]): Expected entities of each sequence, [B]."""
        opening = self.scheme.constraints.start.copy()
        opening[OUTSIDE] = False
        by_token = np.concatenate([[0.0], np.cumsum(self.tags[:, opening].sum(1))])
        return cast(Floats, np.diff(by_token[self.offsets]))

    def require_possible(self) -> None:
        """Check that every sequence has an allowed path.

        RAISES (ValueError): If one has none; names the first such sequence.
        """
        require_possible_tags(self.tags, np.diff(self.offsets))

    def probabilities(self, start: Ints, end: Ints, label: Ints) -> Floats:
        """Compute the probability of spans, each in time linear in its length.

        start (NDArray[int]): First token of each span, counted over the batch, [S].
        end (NDArray[int]): Token after the last, in the same sequence, [S].
        label (NDArray[int]): Index of the label of each span, [S].
        RETURNS (NDArray[float]): The probability that exactly this span is an entity
            of this label, [S].
        RAISES (ValueError): For a span that is empty, out of bounds or not within one
            sequence, or a label that there is not.
        """
        n_labels = len(self.scheme.labels)
        checked = _as_spans(start, end, label, self.offsets, n_labels)
        return self._probabilities(*checked)

    @np.errstate(all="ignore")
    def _probabilities(self, start: Ints, end: Ints, label: Ints) -> Floats:
        length = end - start
        if self.scheme.name == "biluo":
            position = np.where(length == 1, _UNIT, _BEGIN)
        else:
            position = np.zeros_like(start)
        result: Floats = self._by_label[start, label, position]
        long = np.flatnonzero(length > 1)
        if len(long):
            result[long] *= self._inner(start[long], end[long], label[long])
        if self.scheme.name == "bio":
            # Nothing goes on at the first token of the next sequence.
            inside = (length > 1).astype(np.int64)
            result = result * (1.0 - self._steps[end, label, inside])
        return np.minimum(result, 1.0)

    @np.errstate(all="ignore")
    def above(self, floor: float) -> ScoredSpans:
        """Find all spans that are more probable than a floor. At no token more than
        1 / floor of them can overlap, which bounds time and memory.

        floor (float): The probability, above zero.
        RETURNS (ScoredSpans): The spans, ordered by their start.
        RAISES (ValueError): If the floor is not above zero.
        """
        floor = checks.as_number(floor, "floor", np.nextafter(0.0, 1.0))
        biluo = self.scheme.name == "biluo"
        found: List[ScoredSpans] = []
        if biluo:
            start, label = np.nonzero(self._by_label[:, :, _UNIT] > floor)
            probability = self._by_label[start, label, _UNIT]
            found.append(ScoredSpans(start, start + 1, label, probability))
        # Prefixes of entities, all of one length, that are probable enough.
        start, label = np.nonzero(self._by_label[:, :, _BEGIN] > floor)
        prefix = self._by_label[start, label, _BEGIN]
        length = 1
        while len(start):
            token = start + length
            inside = length > 1  # the tag before the token is I, not B
            if biluo:
                probability = prefix * self._steps[token, label, 2 * inside + 1]
                found.append(ScoredSpans(start, token + 1, label, probability))
            else:
                probability = prefix * (1.0 - self._steps[token, label, int(inside)])
                found.append(ScoredSpans(start, token, label, probability))
            prefix = prefix * self._steps[token, label, (1 + biluo) * inside]
            probable = prefix > floor
            start, label, prefix = start[probable], label[probable], prefix[probable]
            length += 1
        if not found:
            nothing = np.zeros(0, dtype=np.int64)
            return ScoredSpans(nothing, nothing, nothing, np.zeros(0))
        start, end, label = (
            np.concatenate([spans[column] for spans in found]) for column in range(3)
        )
        probability = np.concatenate([spans.probability for spans in found])
        probable = np.flatnonzero(probability > floor)
        order = probable[np.argsort(start[probable], kind="stable")]
        return ScoredSpans(start, end, label, probability).take(order)

    def _inner(self, start: Ints, end: Ints, label: Ints) -> Floats:
        """Product of the steps inside of spans of at least two tokens."""
        lengths = end - start - 1
        first = offsets_of(lengths)[:-1]
        of_span = np.repeat(np.arange(len(start)), lengths)
        step = np.arange(len(of_span)) - first[of_span]
        token = start[of_span] + 1 + step
        if self.scheme.name == "biluo":
            kind = 2 * (step > 0) + (token == end[of_span] - 1)
        else:
            kind = (step > 0).astype(np.int64)
        factors = self._steps[token, label[of_span], kind]
        return cast(Floats, np.multiply.reduceat(factors, first))


def span_probabilities(
    lattice: Lattice,
    scheme: TagScheme,
    spans: Union[TaggedSpans, ScoredSpans],
    backend: Optional[Backend] = None,
) -> Floats:
    """Compute the probabilities of spans of which many sequences have none: nothing is
    computed for these. Ask a `SpanPosterior` for all else.

    lattice (Lattice): The lattice of a ragged batch.
    scheme (TagScheme): Its tags.
    spans (Union[TaggedSpans, ScoredSpans]): The spans, numbered over the batch's
        tokens.
    backend (Optional[Backend]): Which kernels to use; chosen by the arrays if None.
    RETURNS (NDArray[float]): The probability that exactly this span is an entity of
        this label, [S].
    RAISES (ValueError): If the lattice is not for the tags of the scheme; or for a span
        that is empty, out of bounds or not within one sequence, or a label that there
        is not.
    """
    require_tags(lattice, scheme)
    offsets = offsets_of(lattice.lengths)
    start, end, label = _as_spans(*_columns(spans), offsets, len(scheme.labels))
    if not len(start):
        return np.zeros(0)
    if len(lattice.lengths) == 1:
        posterior = SpanPosterior(lattice, scheme, backend)
        return posterior._probabilities(start, end, label)
    of_span = np.searchsorted(offsets, start, side="right") - 1
    sequences = np.unique(of_span)
    moved = np.searchsorted(sequences, of_span)
    part = lattice.select(sequences)
    shift = offsets_of(part.lengths)[moved] - offsets[of_span]
    posterior = SpanPosterior(part, scheme, backend)
    return posterior._probabilities(start + shift, end + shift, label)


def by_sequence(
    spans: Union[TaggedSpans, ScoredSpans], lengths: Lengths
) -> List[List[LabelledSpan]]:
    """Number spans by the tokens of their sequences.

    spans (Union[TaggedSpans, ScoredSpans]): Spans of a batch, numbered over its tokens
        and ordered by their start.
    lengths (NDArray[int]): Tokens of each sequence, [B].
    RETURNS (List[List[Tuple[int, int, int]]]): First token, token after the last, and
        label index of the spans of each sequence.
    RAISES (ValueError): For a span that is empty, out of bounds or not within one
        sequence, for spans that are not ordered, and a length that is negative.
    """
    lengths = checks.as_indices(lengths, "lengths", checks.MOST_NUMBERS)
    start, end, label = _as_spans(*_columns(spans), offsets_of(lengths), 2**62)
    if (start[1:] < start[:-1]).any():
        raise ValueError("The spans are not ordered by their start: sort them.")
    return split_spans(start, end, label, lengths)


def split_spans(
    start: Ints, end: Ints, label: Ints, lengths: Lengths
) -> List[List[LabelledSpan]]:
    """Do what `by_sequence` does with columns of spans that are known to be good."""
    if len(lengths) == 1:
        return [list(zip(start.tolist(), end.tolist(), label.tolist(), strict=True))]
    offsets = offsets_of(lengths)
    limits = np.searchsorted(start, offsets)
    first_token = np.repeat(offsets[:-1], np.diff(limits))
    labelled = list(
        zip(
            (start - first_token).tolist(),
            (end - first_token).tolist(),
            label.tolist(),
            strict=True,
        )
    )
    return [labelled[first:behind] for first, behind in pairwise(limits.tolist())]


def _columns(spans: Union[TaggedSpans, ScoredSpans]) -> Tuple[Ints, Ints, Ints]:
    if not isinstance(spans, (TaggedSpans, ScoredSpans)):
        raise ValueError(f"TaggedSpans or ScoredSpans are needed, not {spans!r}.")
    return spans.start, spans.end, spans.label


def _as_spans(
    start: Ints, end: Ints, label: Ints, offsets: Lengths, n_labels: int
) -> Tuple[Ints, Ints, Ints]:
    """Check the columns of spans.

    start, end, label (NDArray[int]): See `ScoredSpans`.
    offsets (NDArray[int]): Where each sequence begins and the last one ends, [B + 1].
    n_labels (int): How many labels there are.
    RETURNS (Tuple[NDArray[int], NDArray[int], NDArray[int]]): The columns.
    RAISES (ValueError): If they are no whole numbers or differ in length; or for a span
        that is empty or not within one sequence, or a label that there is not.
    """
    start = checks.as_integers(start, "start", 1)
    end = checks.as_integers(end, "end", 1)
    label = checks.as_integers(label, "label", 1)
    if not len(start) == len(end) == len(label):
        raise ValueError(
            f"There are {len(start)} starts, {len(end)} ends and {len(label)} labels "
            "of spans."
        )
    # Where the sequence ends that the first token is in. Behind the last sequence, a
    # span that has a token ends behind that as well.
    behind = np.searchsorted(offsets, start, side="right")
    limit = offsets.take(behind, mode="clip")
    # As unsigned numbers, negative ones are larger than any limit.
    good = (start >= 0) & (start < end) & (end <= limit)
    good &= label.view(np.uint64) < n_labels
    if not good.all():
        number = int(np.argmin(good))
        raise ValueError(
            f"Span {number}, from {start[number]} to {end[number]} with label "
            f"number {label[number]}: a span must have a token, lie within one "
            f"sequence of the {offsets[-1]} tokens of the batch, and have one of "
            f"{n_labels} labels."
        )
    return start, end, label


_BEGIN, _UNIT = 0, 3  # positions within a label's tags
