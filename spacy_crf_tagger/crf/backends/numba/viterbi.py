"""The kernel that finds the best paths, for eight sequences at a time.

Shapes as in `marginals`. Like forward-backward it keeps one vector for each
segment, and computes the others of a segment again to trace the paths back.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .blocks import choose_sequences, read_scores
from .compiled import borrowing_kernel, called, inlined
from .lane_memory import at, fill_from, load, pointer, read, store
from .lanes import LANES, add, fill, larger
from .memory import Memory, copy, point_to, segment_length
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


class StepPointers(NamedTuple):
    """What may precede each tag, as the kernel's functions are given it: pointers.

    sources, limits, steps (int*, float*): See `Scorer`.
    """

    sources: Any
    limits: Any
    steps: Any


def make_memory(longest: int, n_tags: int) -> Memory:
    """Allocate the memory of eight sequences: scores of the best paths to the tags of
    the token before a segment and of the segment's tokens, and those of the token
    before each segment.

    longest (int): Tokens of the longest sequence.
    n_tags (int): Number of tags, K.
    RETURNS (Memory): The memory.
    """
    vector = (n_tags + 1) * LANES
    segment = min(segment_length(n_tags), longest)
    n_segments = -(-longest // max(segment, 1))
    numbers = np.zeros((segment + 1 + n_segments) * vector)
    return Memory(np.zeros(3 * LANES, dtype=np.int64), numbers, segment)


@borrowing_kernel
def viterbi(emissions, offsets, order, memory, scorer, tags, scores):  # type: ignore[no-untyped-def]
    """Write the tags of the best paths [N] and their scores [B]. Of equal paths the one
    with the lower tag numbers, read from the end, wins.
    """
    n_tags, segment = emissions.shape[1], memory.segment
    n_vectors = n_tags + 1
    vector = n_vectors * LANES
    best = pointer(memory.numbers)
    checkpoints = at(best, (segment + 1) * vector)
    rows = pointer(memory.sequences)
    lengths, tag = at(rows, LANES), at(rows, 2 * LANES)
    tiles, start, end = (
        point_to(scorer.onward),
        pointer(scorer.start),
        pointer(scorer.end),
    )
    emission_scores, first_rows = pointer(emissions), pointer(offsets)
    found, best_scores = pointer(tags), pointer(scores)
    steps = StepPointers(
        pointer(scorer.sources), pointer(scorer.limits), pointer(scorer.steps)
    )
    for first in range(0, order.shape[0], LANES):
        n_left = order.shape[0] - first
        n_sequences = n_left if n_left < LANES else LANES
        numbers = at(pointer(order), first)
        choose_sequences(rows, lengths, numbers, n_sequences, first_rows)
        longest = lengths[0]
        n_segments = (longest + segment - 1) // segment
        for number in range(n_segments):
            begin = number * segment
            if number > 0:
                copy(at(best, segment * vector), best, n_vectors)
            copy(best, at(checkpoints, number * vector), n_vectors)
            n = segment if segment < longest - begin else longest - begin
            _score_segment(
                emission_scores, n_tags, rows, lengths, begin, n, tiles, start, best
            )
            for lane in range(n_sequences):
                u = lengths[lane] - 1 - begin
                if 0 <= u < n:
                    last = at(best, (u + 1) * vector + lane)
                    choice = 0
                    score = last[0] + end[0]
                    for k in range(1, n_tags):
                        candidate = last[k * LANES] + end[k]
                        if candidate > score:
                            choice, score = k, candidate
                    tag[lane] = choice
                    best_scores[numbers[lane]] = score
        for number in range(n_segments - 1, -1, -1):
            begin = number * segment
            n = segment if segment < longest - begin else longest - begin
            if number < n_segments - 1:
                copy(at(checkpoints, number * vector), best, n_vectors)
                _score_segment(
                    emission_scores,
                    n_tags,
                    rows,
                    lengths,
                    begin,
                    n,
                    tiles,
                    start,
                    best,
                )
            for lane in range(n_sequences):
                behind = begin + n
                if behind > lengths[lane]:
                    behind = lengths[lane]
                choice = tag[lane]
                for t in range(behind - 1, begin - 1, -1):
                    row = rows[lane] + t
                    found[row] = choice
                    if t > 0:
                        emission = emission_scores[row * n_tags + choice]
                        before = at(best, (t - begin) * vector + lane)
                        choice = _trace_back(
                            before, at(before, vector), emission, steps, choice
                        )
                tag[lane] = choice


@called
def _score_segment(  # type: ignore[no-untyped-def]
    emissions, n_tags, rows, lengths, begin, n, tiles, start, best
):
    """Write the score of the best path to each tag of n tokens to `best`, whose first
    vector is that of the token before them.
    """
    vector = (n_tags + 1) * LANES
    for u in range(n):
        before = at(best, u * vector)
        here = at(before, vector)
        read_scores(emissions, rows, lengths, n_tags, begin + u, here)
        if begin + u == 0:
            for k in range(n_tags):
                _add_to(here, k * LANES, fill_from(start, k))
            continue
        for tile in range(tiles.n_tiles):
            top_0, top_1 = fill(-np.inf), fill(-np.inf)
            top_2 = fill(-np.inf)
            for e in range(tiles.limits[tile], tiles.limits[tile + 1]):
                place = e * TILE_WIDTH
                score = load(before, read(tiles.rows, e) * LANES)
                top_0 = larger(top_0, add(score, fill_from(tiles.values, place)))
                top_1 = larger(top_1, add(score, fill_from(tiles.values, place + 1)))
                top_2 = larger(top_2, add(score, fill_from(tiles.values, place + 2)))
            columns = at(tiles.columns, tile * TILE_WIDTH)
            _add_to(here, columns[0] * LANES, top_0)
            _add_to(here, columns[1] * LANES, top_1)
            _add_to(here, columns[2] * LANES, top_2)


@inlined
def _add_to(vectors, place, more):  # type: ignore[no-untyped-def]
    store(vectors, place, add(load(vectors, place), more))


@inlined
def _trace_back(before, here, emission, steps, tag):  # type: ignore[no-untyped-def]
    """Return the tag on the best path to a tag of the next token: the first one from
    which the same additions lead to the same score.
    """
    score = here[tag * LANES]
    for n in range(steps.limits[tag], steps.limits[tag + 1]):
        source = steps.sources[n]
        step = before[source * LANES] + steps.steps[n]
        if emission + step == score:
            return source
    return 0  # no path leads here
