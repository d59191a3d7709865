"""The places of documents where annotation and models may disagree, and by how much."""

from typing import List, NamedTuple, Tuple

import numpy as np
from numpy.typing import NDArray

from ...crf import Lattice, SpanPosterior, TagScheme, k_best, log_partition, viterbi
from ...crf.arrays import to_numpy
from ...crf.lattice import offsets_of
from ...crf.scheme import OUTSIDE, TaggedSpans
from ...crf.spans import LabelledSpan, by_sequence
from ...pipeline.annotation import UNKNOWN, Tags, known_mask

# Least probability of a span that is no entity of the annotation.
_FLOOR = 0.05

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Regions(NamedTuple):
    """Places of a batch that annotated entities or probable ones are in: those that
    overlap are in one. Everything is conditional on the annotation around the place.

    start (NDArray[int]): First token, counted over the batch, [R].
    end (NDArray[int]): Token after the last, [R].
    annotated (List[List[Tuple[int, int, int]]]): First token, token after the last and
        label of the annotated entities, counted from the region's first token.
    suggested (List[List[Tuple[int, int, int]]]): The entities of the most probable
        analysis that is not the annotation.
    log_annotated (NDArray[float]): The log of the annotation's probability, [R].
    log_suggested (NDArray[float]): That of the suggestion, [R].
    """

    start: Ints
    end: Ints
    annotated: List[List[LabelledSpan]]
    suggested: List[List[LabelledSpan]]
    log_annotated: Floats
    log_suggested: Floats


def find_regions(
    lattice: Lattice, scheme: TagScheme, tags: Tags, posterior: SpanPosterior
) -> Regions:
    """Find the places where annotated or probable entities are, and what else may be
    there.

    lattice (Lattice): All analyses of documents.
    scheme (TagScheme): The tags.
    tags (NDArray[int]): The annotated tags, or `UNKNOWN`, [N]. Places that hold a token
        without annotation are left out.
    posterior (SpanPosterior): The posterior of the lattice.
    RETURNS (Regions): The places, in their order.
    """
    annotated = _annotated_spans(tags, scheme)
    start, end = _merge(lattice, scheme, tags, posterior, annotated)
    if not len(start):
        return Regions(start, end, [], [], np.zeros(0), np.zeros(0))
    windows = _Windows(lattice, scheme, tags, start, end)
    gold = windows.only_annotated()
    log_z = to_numpy(log_partition(windows.lattice)).astype(np.float64)
    log_gold = to_numpy(log_partition(gold)).astype(np.float64)
    paths = k_best(windows.lattice, 2)
    ranked, scores = to_numpy(paths.tags), to_numpy(paths.scores).astype(np.float64)
    alternative, log_other = windows.choose_other(ranked, scores)
    suggested = by_sequence(scheme.decode(alternative), end - start)
    return Regions(
        start,
        end,
        _within(annotated, start, end),
        suggested,
        log_gold - log_z,
        log_other - log_z,
    )


def _annotated_spans(tags: Tags, scheme: TagScheme) -> TaggedSpans:
    """RETURNS (TaggedSpans): The annotated entities that are known as a whole."""
    return scheme.decode(np.where(tags == UNKNOWN, OUTSIDE, tags))


def _merge(
    lattice: Lattice,
    scheme: TagScheme,
    tags: Tags,
    posterior: SpanPosterior,
    annotated: TaggedSpans,
) -> Tuple[Ints, Ints]:
    """RETURNS (Tuple[NDArray[int], NDArray[int]]): The extents of all spans, of which
    those that overlap are joined.
    """
    best = scheme.decode(to_numpy(viterbi(lattice).tags))
    probable = posterior.above(_FLOOR)
    start = np.concatenate([best.start, probable.start])
    end = np.concatenate([best.end, probable.end])
    n_unknown = np.concatenate([[0], np.cumsum(tags == UNKNOWN)])
    known = n_unknown[end] == n_unknown[start]
    start = np.concatenate([annotated.start, start[known]])
    end = np.concatenate([annotated.end, end[known]])
    order = np.lexsort((end, start))
    start, end = start[order], end[order]
    reach = np.maximum.accumulate(end) if len(end) else end
    opens = np.ones(len(start), dtype=bool)
    opens[1:] = start[1:] >= reach[:-1]
    first = np.flatnonzero(opens)
    last = np.append(first[1:], len(start)) - 1 if len(first) else first
    return start[first], reach[last]


def _within(spans: TaggedSpans, start: Ints, end: Ints) -> List[List[LabelledSpan]]:
    region = np.searchsorted(start, spans.start, side="right") - 1
    found: List[List[LabelledSpan]] = [[] for _ in start]
    first = start[region]
    columns = np.stack([region, spans.start - first, spans.end - first, spans.label])
    for number, first_token, behind, label in columns.T.tolist():
        found[number].append((first_token, behind, label))
    return found


class _Windows:
    """Regions with a token at each side, whose tags are those of the annotation: as the
    tags are a Markov chain, nothing beyond it matters.
    """

    def __init__(
        self, lattice: Lattice, scheme: TagScheme, tags: Tags, start: Ints, end: Ints
    ) -> None:
        offsets = offsets_of(lattice.lengths)
        document = np.searchsorted(offsets, start, side="right") - 1
        opens, closes = start == offsets[document], end == offsets[document + 1]
        before, behind = (~opens).astype(np.int64), (~closes).astype(np.int64)
        lengths = end - start + before + behind
        first = offsets_of(lengths)[:-1]
        rows = np.repeat(start - before - first, lengths) + np.arange(lengths.sum())
        is_inner = np.ones(len(rows), dtype=bool)
        is_inner[first[~opens]] = False
        is_inner[(first + lengths - 1)[~closes]] = False
        emissions = to_numpy(lattice.emissions)[rows].astype(np.float64)
        # Around a region, the annotation counts, be it possible or not.
        # What is not known there counts as outside.
        outer = known_mask(np.maximum(tags[rows[~is_inner]], OUTSIDE), scheme.n_tags)
        emissions[~is_inner] = np.where(outer, 0.0, -np.inf)
        inner_first, inner_last = first + before, first + before + (end - start) - 1
        emissions[inner_first[opens]] += to_numpy(lattice.start)
        emissions[inner_last[closes]] += to_numpy(lattice.end)
        allowed = np.ones(emissions.shape, dtype=bool)
        allowed[inner_first] &= ~scheme.continues
        allowed[inner_last] &= scheme.constraints.end
        free = np.zeros(scheme.n_tags)
        transitions = to_numpy(lattice.transitions).astype(np.float64)
        built = Lattice(emissions, transitions, free, free, lengths)
        self.lattice = built.restrict(allowed)
        self._tags = tags[rows]
        self._is_inner = is_inner
        self._lengths = lengths

    def only_annotated(self) -> Lattice:
        """RETURNS (Lattice): The same with the annotation as the only path."""
        allowed = known_mask(self._tags, self.lattice.n_tags)
        allowed[~self._is_inner] = True
        return self.lattice.restrict(allowed)

    def choose_other(self, ranked: Ints, scores: Floats) -> Tuple[Ints, Floats]:
        """Choose the best analysis that is not the annotation.

        ranked (NDArray[int]): The two best analyses of each window.
        scores (NDArray[float]): Their scores.
        RETURNS (Tuple[NDArray[int], NDArray[float]]): The tags of the regions, and the
            score of each.
        """
        differs = self._is_inner & (ranked[0] != self._tags)
        first = offsets_of(self._lengths)[:-1]
        is_other = np.add.reduceat(differs, first) > 0
        other = np.where(np.repeat(is_other, self._lengths), ranked[0], ranked[1])
        # Where there is no second, there is nothing to suggest.
        inner = np.maximum(other[self._is_inner], 0)
        return inner, np.where(is_other, scores[0], scores[1])
