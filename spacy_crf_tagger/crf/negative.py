"""Loss of negative spans: spans that are known not to be entities."""

from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from . import checks, limits
from .arrays import add_rows, to_numpy, zeros_like
from .backends.protocol import Backend
from .inference import (
    ImpossibleSequenceError,
    kernels_for,
    require_paths_with_digits,
)
from .lattice import Lattice, Lengths, Potentials, offsets_of
from .scheme import TagScheme
from .spans import require_tags

# Rows of the lattices that are held at once.
_MAX_ROWS = 2**17


class NegativeSpan(NamedTuple):
    """A span that is no entity of some labels.

    start (int): First token, counted over the batch.
    end (int): Token after the last, in the same sequence.
    labels (Tuple[int, ...]): Indices of the labels.
    """

    start: int
    end: int
    labels: Tuple[int, ...]


@np.errstate(all="ignore")
def negative_span_loss(
    free: Lattice,
    spans: Sequence[NegativeSpan],
    scheme: TagScheme,
    backend: Optional[Backend] = None,
) -> Tuple[NDArray[np.float64], Potentials]:
    """Compute −log(1 − P(span is an entity of one of its labels)) for each span.

    The paths without the span are split by the token at which they leave it, into
    restrictions of the lattice that have no path in common. So nothing is subtracted
    that could cancel out, and the gradient does not vanish where the span is certain.

    free (Lattice): All valid paths.
    spans (Sequence[NegativeSpan]): The spans.
    scheme (TagScheme): The tags.
    backend (Optional[Backend]): Which kernels to use; chosen by the arrays if None.
    RETURNS (Tuple[NDArray[float], Potentials]): The loss of each span, [S], in nats,
        and the gradients of their sum.
    RAISES (ValueError): If every path has the span; or for a span that is empty, out of
        bounds or not within one sequence, and for labels that are missing, repeated, or
        none of the scheme.
    """
    require_tags(free, scheme)
    kernels = kernels_for(free, backend)
    checked = _as_spans(spans, free.lengths, scheme)
    free = require_paths_with_digits(free, kernels)
    losses = np.zeros(len(checked))
    gradients = free.potentials.map(lambda each: zeros_like(each, each.shape))
    for chunk in _chunks(checked, free.lengths):
        copies = _Copies(free, checked[chunk], scheme)
        losses[chunk], gradients = copies.add_loss(gradients, kernels)
    return losses, gradients


class _Copies:
    """For each span its sequence as it is, followed by its restrictions."""

    def __init__(
        self, free: Lattice, spans: Sequence[NegativeSpan], scheme: TagScheme
    ) -> None:
        offsets = offsets_of(free.lengths)
        rows: List[NDArray[np.int64]] = []
        masks: List[NDArray[np.bool_]] = []
        self.first_copies: List[int] = []  # the unrestricted copy of each span
        self.sequences: List[int] = []  # that each span is in
        for span in spans:
            sequence = _sequence_of(span, offsets)
            self.sequences.append(sequence)
            first, end = int(offsets[sequence]), int(offsets[sequence + 1])
            everything = np.ones((end - first, free.n_tags), dtype=bool)
            own = [everything]
            for allowed in _deviations(span, scheme, end):
                mask = everything.copy()
                mask[span.start - first : span.start - first + len(allowed)] = allowed
                own.append(mask)
            self.first_copies.append(len(masks))
            masks += own
            rows += [np.arange(first, end)] * len(own)
        self.rows = np.concatenate(rows)
        # Which sequences these are in turn, by their number.
        sequences = np.repeat(self.sequences, np.diff([*self.first_copies, len(rows)]))
        self.lattice = free.select(sequences).restrict(np.concatenate(masks))

    def add_loss(
        self, gradients: Potentials, kernels: Backend
    ) -> Tuple[NDArray[np.float64], Potentials]:
        """RETURNS (Tuple[NDArray[float], Potentials]): The losses, and the gradients
        with those of their sum added.
        """
        log_z = to_numpy(kernels.log_partition(self.lattice))  # [C]
        first = np.array(self.first_copies)
        n_restricted = np.diff([*first, len(log_z)]) - 1
        is_restricted = np.ones(len(log_z), dtype=bool)
        is_restricted[first] = False
        restricted = log_z[is_restricted]
        log_without = np.logaddexp.reduceat(restricted, offsets_of(n_restricted)[:-1])
        impossible = np.flatnonzero(log_without == -np.inf)
        if len(impossible):
            raise ImpossibleSequenceError(self.sequences[int(impossible[0])])
        lengths = self.lattice.lengths[first]
        limits.require_digits(log_without, lengths, "the sequence without span")
        weights = np.ones(len(log_z))
        weights[is_restricted] = -np.exp(
            restricted - np.repeat(log_without, n_restricted)
        )
        marginals = kernels.forward_backward(self.lattice, weights)
        by_row = np.repeat(weights, self.lattice.lengths)[:, None]
        summed = gradients._replace(
            emissions=add_rows(gradients.emissions, self.rows, marginals.tags, by_row),
            transitions=gradients.transitions + marginals.transitions,
            start=gradients.start + marginals.start,
            end=gradients.end + marginals.end,
        )
        return log_z[first] - log_without, summed


def _as_spans(
    spans: Sequence[NegativeSpan], lengths: Lengths, scheme: TagScheme
) -> List[NegativeSpan]:
    """RETURNS (List[NegativeSpan]): The spans, checked."""
    offsets = offsets_of(lengths)
    n_tokens, n_labels = int(offsets[-1]), len(scheme.labels)
    checked: List[NegativeSpan] = []
    for number, span in enumerate(spans):
        if not isinstance(span, NegativeSpan):
            raise ValueError(f"Span {number} is {span!r}, but must be a NegativeSpan.")
        start = checks.as_count(span.start, f"Start of span {number}", 0, n_tokens)
        end = checks.as_count(span.end, f"End of span {number}", 0, n_tokens)
        column = checks.as_indices(span.labels, f"Labels of span {number}", n_labels)
        labels = tuple(column.tolist())
        own = NegativeSpan(start, end, labels)
        sequence_end = offsets[min(_sequence_of(own, offsets) + 1, len(lengths))]
        if not start < end <= sequence_end:
            raise ValueError(
                f"Span {number}, from {start} to {end}, is empty or not within one "
                "sequence."
            )
        if not labels or len(set(labels)) < len(labels):
            raise ValueError(
                f"Span {number} must have labels, each of them once, not {labels}."
            )
        checked.append(own)
    return checked


def _deviations(
    span: NegativeSpan, scheme: TagScheme, end: int
) -> Iterator[NDArray[np.bool_]]:
    """Split the paths of a sequence that do not have a span by where they leave it.

    span (NegativeSpan): The span.
    scheme (TagScheme): The tags.
    end (int): Where its sequence ends.
    YIELDS (NDArray[bool]): What is allowed from the first token of the span on,
        [tokens, K].
    """
    length = span.end - span.start
    paths = [scheme.encode([(0, length, label)], length) for label in span.labels]
    elsewhere = np.ones((1, scheme.n_tags), dtype=bool)
    elsewhere[0, [path[0] for path in paths]] = False
    yield elsewhere
    for path, label in zip(paths, span.labels, strict=True):
        inside = np.zeros((length + 1, scheme.n_tags), dtype=bool)
        inside[np.arange(length), path] = True
        for n_agreeing in range(1, length):
            leaving = inside[: n_agreeing + 1].copy()
            leaving[-1] = ~leaving[-1]
            yield leaving
        if scheme.name == "bio" and span.end < end:
            # The end of an entity is not marked: it may go on.
            inside[-1, scheme.inside_tag(label)] = True
            yield inside


def _chunks(spans: Sequence[NegativeSpan], lengths: Lengths) -> Iterator[slice]:
    """Group spans so that the rows of their copies fit into memory."""
    offsets = offsets_of(lengths)
    first = n_rows = 0
    for n, span in enumerate(spans):
        sequence = _sequence_of(span, offsets)
        copies = 2 + (span.end - span.start) * len(span.labels)
        rows = copies * int(lengths[sequence])
        if n > first and n_rows + rows > _MAX_ROWS:
            yield slice(first, n)
            first, n_rows = n, 0
        n_rows += rows
    if spans:
        yield slice(first, len(spans))


def _sequence_of(span: NegativeSpan, offsets: Lengths) -> int:
    return int(np.searchsorted(offsets, span.start, side="right")) - 1
