"""The kernel that finds the best paths, for eight sequences at a time.

Shapes as in `numba_marginals`. Like forward-backward it keeps one vector for each
segment, and computes the others of a segment again to trace the paths back.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .compiled import borrowing_kernel
from .lanes import LANES, add, fill, fill_from, larger, load, read, store
from .numba_blocks import choose_sequences, copy, read_scores, segment_length
from .tiles import TILE_WIDTH, Tiles


class Scorer(NamedTuple):
    """The parameters of a lattice, for the kernel.

    onward (Tiles): Scores of transitions.
    sources (NDArray[int]): For each tag in turn the tags that may precede it.
    limits (NDArray[int]): Where those of each tag begin and end, [K + 1].
    steps (NDArray[float]): The score of the step from each source.
    start (NDArray[float]): Start scores, [K].
    end (NDArray[float]): End scores, [K].
    """

    onward: Tiles
    sources: NDArray[np.int64]
    limits: NDArray[np.int64]
    steps: NDArray[np.float64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]


class Memory(NamedTuple):
    """Eight sequences and the memory that the recursion needs.

    rows (NDArray[int]): Row of the emissions of each sequence's first token, [8].
    lengths (NDArray[int]): Tokens of each sequence, [8].
    tag (NDArray[int]): The tag of each sequence's token at hand, [8].
    segment (int): Tokens of a segment.
    best (NDArray[float]): Scores of the best paths to the tags of the token before the
        segment and of the segment's tokens, [(segment + 1) * (K + 1) * 8].
    checkpoints (NDArray[float]): Those of the token before each segment.
    """

    rows: NDArray[np.int64]
    lengths: NDArray[np.int64]
    tag: NDArray[np.int64]
    segment: int
    best: NDArray[np.float64]
    checkpoints: NDArray[np.float64]


def make_memory(longest: int, n_tags: int) -> Memory:
    """RETURNS (Memory): What sequences of up to so many tokens need."""
    vector = (n_tags + 1) * LANES
    segment = min(segment_length(n_tags), longest)
    n_segments = -(-longest // max(segment, 1))
    rows, lengths, tag = np.zeros((3, LANES), dtype=np.int64)
    best = np.zeros((segment + 1) * vector)
    return Memory(rows, lengths, tag, segment, best, np.zeros(n_segments * vector))


@borrowing_kernel
def viterbi(emissions, offsets, order, memory, scorer, tags, scores):  # type: ignore[no-untyped-def]
    """Write the tags of the best paths [N] and their scores [B]. Of equal paths the one
    with the lower tag numbers, read from the end, wins.
    """
    vector = (emissions.shape[1] + 1) * LANES
    best, checkpoints, segment = memory.best, memory.checkpoints, memory.segment
    rows, lengths, tag = memory.rows, memory.lengths, memory.tag
    for first in range(0, order.shape[0], LANES):
        n_sequences = choose_sequences(rows, lengths, order, first, offsets)
        longest = lengths[0]
        n_segments = (longest + segment - 1) // segment
        for number in range(n_segments):
            begin = number * segment
            if number > 0:
                copy(best, segment * vector, best, 0, vector)
            copy(best, 0, checkpoints, number * vector, vector)
            n = min(segment, longest - begin)
            _score_segment(emissions, rows, lengths, begin, n, scorer, best)
            for lane in range(n_sequences):
                u = lengths[lane] - 1 - begin
                if 0 <= u < n:
                    b = order[first + lane]
                    last = (u + 1) * vector + lane
                    tag[lane], scores[b] = _choose_last(best, last, scorer.end)
        for number in range(n_segments - 1, -1, -1):
            begin = number * segment
            n = min(segment, longest - begin)
            if number < n_segments - 1:
                copy(checkpoints, number * vector, best, 0, vector)
                _score_segment(emissions, rows, lengths, begin, n, scorer, best)
            for lane in range(n_sequences):
                for t in range(min(begin + n, lengths[lane]) - 1, begin - 1, -1):
                    tags[rows[lane] + t] = tag[lane]
                    if t > 0:
                        emission = emissions[rows[lane] + t, tag[lane]]
                        before = (t - begin) * vector + lane
                        tag[lane] = _trace_back(
                            best, before, before + vector, emission, scorer, tag[lane]
                        )


@borrowing_kernel
def _score_segment(emissions, rows, lengths, begin, n, scorer, best):  # type: ignore[no-untyped-def]
    """Write the score of the best path to each tag of n tokens to `best`, whose first
    vector is that of the token before them.
    """
    n_tags = emissions.shape[1]
    vector = (n_tags + 1) * LANES
    tiles = scorer.onward
    for u in range(n):
        before, here = u * vector, (u + 1) * vector
        read_scores(emissions, rows, lengths, begin + u, best, here)
        if begin + u == 0:
            for k in range(n_tags):
                place = here + k * LANES
                store(best, place, add(load(best, place), fill(scorer.start[k])))
            continue
        for tile in range(tiles.columns.shape[0]):
            top_0, top_1 = fill(-np.inf), fill(-np.inf)
            top_2 = fill(-np.inf)
            for e in range(tiles.limits[tile], tiles.limits[tile + 1]):
                place = e * TILE_WIDTH
                score = load(best, before + read(tiles.rows, e) * LANES)
                top_0 = larger(top_0, add(score, fill_from(tiles.values, place)))
                top_1 = larger(top_1, add(score, fill_from(tiles.values, place + 1)))
                top_2 = larger(top_2, add(score, fill_from(tiles.values, place + 2)))
            column = tiles.columns[tile]
            _add_to(best, here + column[0] * LANES, top_0)
            _add_to(best, here + column[1] * LANES, top_1)
            _add_to(best, here + column[2] * LANES, top_2)


@borrowing_kernel
def _add_to(vectors, place, more):  # type: ignore[no-untyped-def]
    store(vectors, place, add(load(vectors, place), more))


@borrowing_kernel
def _choose_last(best, place, end):  # type: ignore[no-untyped-def]
    """Return the best last tag of a lane, and its score."""
    tag = 0
    score = best[place] + end[0]
    for k in range(1, end.shape[0]):
        candidate = best[place + k * LANES] + end[k]
        if candidate > score:
            tag, score = k, candidate
    return tag, score


@borrowing_kernel
def _trace_back(best, before, here, emission, scorer, tag):  # type: ignore[no-untyped-def]
    """Return the tag on the best path to a tag of the next token: the first one from
    which the same additions lead to the same score.
    """
    score = read(best, here + tag * LANES)
    for n in range(scorer.limits[tag], scorer.limits[tag + 1]):
        source = read(scorer.sources, n)
        step = read(best, before + source * LANES) + read(scorer.steps, n)
        if emission + step == score:
            return source
    return 0  # no path leads here
