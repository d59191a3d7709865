"""Minimum Bayes risk: the set of spans that is best span by span."""

from bisect import bisect_right
from typing import List, Optional

import numpy as np

from . import checks
from .backends.protocol import Backend
from .lattice import Lattice
from .scheme import TagScheme
from .spans import Ints, ScoredSpans, SpanPosterior

# Spans that are less probable than this are not looked at.
LEAST_PROBABILITY = 1e-3


def best_spans(
    lattice: Lattice,
    scheme: TagScheme,
    price: Optional[float],
    backend: Optional[Backend] = None,
) -> ScoredSpans:
    """Choose the spans of each sequence that are best span by span: those with the
    largest expected F or, at a price, with the smallest expected cost of mistakes.

    lattice (Lattice): The lattice of a ragged batch.
    scheme (TagScheme): Its tags.
    price (Optional[float]): The price of a span, as for `minimum_risk`; the choice is
        that of `largest_expected_f` if None.
    backend (Optional[Backend]): Which kernels to use; chosen by the arrays if None.
    RETURNS (ScoredSpans): The spans and their probabilities, ordered by their start.
        None is less probable than `LEAST_PROBABILITY`.
    RAISES (ValueError): If the lattice is not for the tags of the scheme, the price is
        no finite number, or every path of a sequence is forbidden.
    """
    if price is not None:
        price = checks.as_number(price, "price")
    posterior = SpanPosterior(lattice, scheme, backend)
    posterior.require_possible()
    candidates = posterior.above(max(price or 0.0, LEAST_PROBABILITY))
    if price is not None:
        return candidates.take(minimum_risk(candidates, price))
    numbers = posterior.expected_numbers
    limits = np.searchsorted(candidates.start, posterior.offsets)
    chosen = []
    for n in np.flatnonzero(np.diff(limits)).tolist():
        own = candidates.take(np.arange(limits[n], limits[n + 1]))
        chosen.append(limits[n] + largest_expected_f(own, float(numbers[n])))
    return candidates.take(np.concatenate(chosen or [np.zeros(0, dtype=np.int64)]))


def minimum_risk(candidates: ScoredSpans, price: float) -> Ints:
    """Choose the spans without overlap whose probabilities, less a price for each, have
    the largest sum. That minimises the expected cost of mistakes, if a span too many
    costs `price` and a missing one `1 - price`; by dynamic programming over the spans
    in the order of their ends (weighted interval scheduling).

    candidates (ScoredSpans): The spans to choose from.
    price (float): The price of a span; less probable ones are never chosen.
    RETURNS (NDArray[int]): Numbers of the chosen candidates, ordered by their start.
    RAISES (ValueError): If the candidates are no spans with probabilities, or the price
        is no finite number.
    """
    price = checks.as_number(price, "price")
    return _minimum_risk(as_candidates(candidates), price)


def _minimum_risk(candidates: ScoredSpans, price: float) -> Ints:
    worth = np.flatnonzero(candidates.probability > price)
    order = worth[np.lexsort((candidates.start[worth], candidates.end[worth]))]
    ends: List[int] = candidates.end[order].tolist()
    totals = [0.0]  # the largest sum of the first n spans
    before: List[int] = []  # how many spans precede the nth, or -1 if it is not chosen
    for n, (start, probability) in enumerate(
        zip(
            candidates.start[order].tolist(),
            candidates.probability[order].tolist(),
            strict=True,
        )
    ):
        compatible = bisect_right(ends, start, 0, n)
        with_span = totals[compatible] + probability - price
        chosen = with_span > totals[n]
        before.append(compatible if chosen else -1)
        totals.append(with_span if chosen else totals[n])
    chosen_spans: List[int] = []
    n = len(before)
    while n > 0:
        if before[n - 1] >= 0:
            chosen_spans.append(n - 1)
            n = before[n - 1]
        else:
            n -= 1
    return order[np.array(chosen_spans[::-1], dtype=np.int64)]


def largest_expected_f(candidates: ScoredSpans, expected_number: float) -> Ints:
    """Choose the spans without overlap with the largest ratio of expectations in
    F = 2 · correct / (chosen + annotated): 2 · Σ probability / (chosen + expected
    number of entities). Exact, by Dinkelbach's method for ratios (1967, "On nonlinear
    fractional programming"): the best set at a price of half the F reached so far has
    an F that is no smaller. (Jansche 2007 maximises the expectation of the ratio
    itself, over independent tags. That the price is half the optimal F: Lipton et al.
    2014, "Optimal thresholding of classifiers to maximize F1 measure".)

    candidates (ScoredSpans): The spans to choose from, of one sequence.
    expected_number (float): Expected number of entities of the sequence.
    RETURNS (NDArray[int]): Numbers of the chosen candidates, ordered by their start.
    RAISES (ValueError): If the candidates are no spans with probabilities, or the
        expected number is negative or not finite.
    """
    expected_number = checks.as_number(expected_number, "expected_number", 0.0)
    candidates = as_candidates(candidates)
    best_f = 0.0
    best: Ints = np.zeros(0, dtype=np.int64)
    while True:
        chosen = _minimum_risk(candidates, best_f / 2)
        total = 2 * float(candidates.probability[chosen].sum())
        reached = total / (len(chosen) + expected_number) if total else 0.0
        # In floating point the last step may fall back by a rounding error.
        if reached <= best_f * (1 + 1e-12):
            return best
        best_f, best = reached, chosen


def as_candidates(candidates: ScoredSpans) -> ScoredSpans:
    """Check spans with probabilities.

    candidates (ScoredSpans): The spans.
    RETURNS (ScoredSpans): The spans.
    RAISES (ValueError): If their columns differ in length, a span is empty or starts
        below 0, or a probability is not from 0 to 1.
    """
    if not isinstance(candidates, ScoredSpans):
        raise ValueError(f"Candidates must be ScoredSpans, not {candidates!r}.")
    start, end, label = (
        checks.as_indices(column, name, 2**62)
        for name, column in zip(candidates._fields, candidates[:3], strict=False)
    )
    size = len(start)
    probability = checks.as_weights(candidates.probability, "probability", size, start)
    if len(end) != size or len(label) != size:
        raise ValueError(
            f"Candidates have {size} starts, {len(end)} ends and {len(label)} labels."
        )
    # Probabilities may be rounded up.
    good = (start < end) & (probability >= 0.0) & (probability <= 1.0 + 1e-9)
    if not good.all():
        number = int(np.argmin(good))
        raise ValueError(
            f"Candidate {number} is the span ({start[number]}, {end[number]}) with a "
            f"probability of {probability[number]}: spans must not be empty, and "
            "probabilities from 0 to 1."
        )
    return ScoredSpans(start, end, label, probability)
