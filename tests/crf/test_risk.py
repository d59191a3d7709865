"""Minimum-risk choices of spans against all sets of spans that do not overlap."""

from itertools import combinations, pairwise
from typing import List, Sequence, Tuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_crf_tagger.crf import Lattice, TagScheme
from spacy_crf_tagger.crf.inference import ImpossibleSequenceError
from spacy_crf_tagger.crf.risk import (
    LEAST_PROBABILITY,
    best_spans,
    largest_expected_f,
    minimum_risk,
)
from spacy_crf_tagger.crf.spans import ScoredSpans, SpanPosterior

from .brute_force import random_potentials
from .conftest import Engine

Candidate = Tuple[int, int, int, float]  # start, end, label, probability
PROBABILITIES = st.floats(0.0, 1.0)
# Few different values, so that sums tie.
ROUND = st.sampled_from([0.0, 0.125, 0.25, 0.5, 0.75, 1.0])
EXTREME = st.sampled_from([5e-324, 1e-300, 1e-16, 1e-8, 0.5, 1 - 1e-16, 1.0])


def candidates_of(probabilities: st.SearchStrategy) -> st.SearchStrategy:
    one = st.tuples(
        st.integers(0, 7), st.integers(1, 4), st.integers(0, 1), probabilities
    )
    spans = one.map(lambda each: (each[0], each[0] + each[1], *each[2:]))
    distinct = st.lists(spans, max_size=9, unique_by=lambda span: span[:3])
    return distinct.map(sorted)


def scored(candidates: Sequence[Candidate]) -> ScoredSpans:
    columns = list(zip(*candidates, strict=True)) or [[]] * 4
    integers = [np.array(column, dtype=np.int64) for column in columns[:3]]
    return ScoredSpans(*integers, np.array(columns[3], dtype=np.float64))


def sets_without_overlap(candidates: Sequence[Candidate]) -> List[List[Candidate]]:
    return [
        list(chosen)
        for size in range(len(candidates) + 1)
        for chosen in combinations(candidates, size)
        if all(a[1] <= b[0] or b[1] <= a[0] for a, b in combinations(chosen, 2))
    ]


def gain(chosen: Sequence[Candidate], price: float) -> float:
    return sum(span[3] - price for span in chosen)


def expected_f(chosen: Sequence[Candidate], expected_number: float) -> float:
    return 2 * sum(span[3] for span in chosen) / (len(chosen) + expected_number)


def choose(candidates: Sequence[Candidate], numbers: np.ndarray) -> List[Candidate]:
    """The chosen candidates, which must be in order and apart from each other."""
    chosen = [candidates[n] for n in numbers.tolist()]
    for before, after in pairwise(chosen):
        assert before[1] <= after[0]
    return chosen


@settings(max_examples=150, deadline=None)
@given(
    candidates=candidates_of(PROBABILITIES) | candidates_of(ROUND),
    price=PROBABILITIES | ROUND,
)
def test_gain_is_the_largest_of_all_sets(candidates, price) -> None:
    chosen = choose(candidates, minimum_risk(scored(candidates), price))
    best = max(gain(each, price) for each in sets_without_overlap(candidates))
    assert gain(chosen, price) == pytest.approx(best, abs=1e-12)
    assert all(span[3] > price for span in chosen)


@settings(max_examples=150, deadline=None)
@given(
    candidates=candidates_of(PROBABILITIES) | candidates_of(ROUND),
    others=st.floats(1e-3, 20.0),
)
def test_expected_f_is_the_largest_of_all_sets(candidates, others) -> None:
    """Spans that are no candidates count among the expected ones as well."""
    expected_number = others + sum(span[3] for span in candidates)
    numbers = largest_expected_f(scored(candidates), expected_number)
    chosen = choose(candidates, numbers)
    best = max(
        expected_f(each, expected_number) for each in sets_without_overlap(candidates)
    )
    assert expected_f(chosen, expected_number) == pytest.approx(best, abs=1e-12)


@settings(max_examples=150, deadline=None)
@given(candidates=candidates_of(PROBABILITIES), others=st.floats(1e-3, 20.0))
def test_half_of_the_largest_f_is_the_price_that_reaches_it(candidates, others) -> None:
    expected_number = others + sum(span[3] for span in candidates)
    best = choose(candidates, largest_expected_f(scored(candidates), expected_number))
    largest = expected_f(best, expected_number)
    price = largest / 2
    at_price = choose(candidates, minimum_risk(scored(candidates), price))
    # No set gains more than this one: ΣP − F/2 · n = F/2 · E.
    assert gain(best, price) == pytest.approx(price * expected_number, abs=1e-9)
    assert gain(at_price, price) == pytest.approx(gain(best, price), abs=1e-9)


def test_spans_apart_are_chosen_by_a_threshold_of_half_the_largest_f() -> None:
    probabilities = [0.9, 0.05, 0.6, 0.39, 0.2]
    candidates = [(n, n + 1, 0, p) for n, p in enumerate(probabilities)]
    numbers = largest_expected_f(scored(candidates), sum(probabilities))
    chosen = choose(candidates, numbers)
    half = expected_f(chosen, sum(probabilities)) / 2
    assert [span[3] for span in chosen] == [p for p in probabilities if p > half]
    assert numbers.tolist() == [0, 2, 3]


@settings(max_examples=150, deadline=None)
@given(
    candidates=candidates_of(PROBABILITIES),
    prices=st.tuples(PROBABILITIES, PROBABILITIES).map(sorted),
)
def test_lower_price_never_finds_fewer_entities(candidates, prices) -> None:
    """By the parametric argument both the number chosen and the expected number of
    correct ones can only grow.
    """
    low, high = (
        choose(candidates, minimum_risk(scored(candidates), price)) for price in prices
    )
    assert gain(low, 0.0) >= gain(high, 0.0) - 1e-9
    assert gain(low, prices[0]) >= gain(high, prices[1]) - 1e-12


def test_of_spans_that_tie_one_is_chosen() -> None:
    overlapping = [(0, 2, 0, 0.5), (0, 2, 1, 0.5), (1, 3, 0, 0.5), (3, 4, 0, 0.5)]
    numbers = minimum_risk(scored(overlapping), 0.25)
    assert len(choose(overlapping, numbers)) == 2
    assert numbers.tolist() == minimum_risk(scored(overlapping), 0.25).tolist()
    long_or_two = [(0, 1, 0, 0.5), (0, 2, 0, 0.75), (1, 2, 0, 0.5)]
    chosen = choose(long_or_two, minimum_risk(scored(long_or_two), 0.25))
    assert gain(chosen, 0.25) == 0.5


@pytest.mark.parametrize("price", [0.0, 0.5, 1.0])
def test_a_span_at_the_price_is_not_worth_it(price) -> None:
    assert len(minimum_risk(scored([(0, 1, 0, price)]), price)) == 0


def test_without_a_price_whatever_is_possible_is_chosen() -> None:
    candidates = [(0, 1, 0, 1e-9), (1, 2, 0, 0.0), (2, 3, 0, 1.0)]
    assert minimum_risk(scored(candidates), 0.0).tolist() == [0, 2]
    assert minimum_risk(scored(candidates), 1.0).tolist() == []


@pytest.mark.parametrize("expected_number", [0.0, 1e-3, 5.0])
def test_nothing_to_choose_from(expected_number) -> None:
    for candidates in ([], [(0, 1, 0, 0.0)]):
        assert len(minimum_risk(scored(candidates), 0.0)) == 0
        assert len(largest_expected_f(scored(candidates), expected_number)) == 0


@settings(max_examples=150, deadline=None)
@given(
    candidates=candidates_of(EXTREME),
    expected_number=st.sampled_from([0.0, 5e-324, 1e-16, 1.0, 1e16, 1e308]),
)
def test_extreme_probabilities_come_to_an_end(candidates, expected_number) -> None:
    """Even where rounding makes the expectations contradict each other."""
    numbers = largest_expected_f(scored(candidates), expected_number)
    chosen = choose(candidates, numbers)
    best = max(
        expected_f(each, expected_number) if each else 0.0
        for each in sets_without_overlap(candidates)
    )
    reached = expected_f(chosen, expected_number) if chosen else 0.0
    assert reached == pytest.approx(best, rel=1e-9, abs=1e-300)


def test_many_candidates_of_nearly_equal_probability() -> None:
    """Sets that differ by rounding errors only must not take turns."""
    rng = np.random.default_rng(0)
    start = np.sort(rng.integers(0, 500, size=3000))
    end = start + rng.integers(1, 6, size=3000)
    probability = 0.3 + 1e-15 * rng.integers(0, 5, size=3000)
    candidates = ScoredSpans(start, end, np.zeros_like(start), probability)
    numbers = largest_expected_f(candidates, 150.0)
    assert (candidates.end[numbers][:-1] <= candidates.start[numbers][1:]).all()
    reached = 2 * probability[numbers].sum() / (len(numbers) + 150.0)
    others = minimum_risk(candidates, 0.1)
    assert reached >= 2 * probability[others].sum() / (len(others) + 150.0) - 1e-12


def lattice_of(scheme: TagScheme, lengths: List[int]) -> Lattice:
    rng = np.random.default_rng(7)
    potentials = random_potentials(rng, lengths, scheme.n_tags, (1.0, 3.0))
    return Lattice.build(potentials, scheme.constraints)


def candidates_in(posterior: SpanPosterior, first: int, end: int) -> List[Candidate]:
    """The spans between two tokens that are probable enough."""
    spans = posterior.above(LEAST_PROBABILITY)
    rows = zip(*(column.tolist() for column in spans), strict=True)
    return [row for row in rows if first <= row[0] < end]


@pytest.mark.parametrize("price", [None, 0.0, 0.2, 0.6])
@pytest.mark.parametrize("name", ["biluo", "bio"])
def test_best_spans_of_each_sequence(engine: Engine, name: str, price) -> None:
    scheme = TagScheme(["A", "B"], name)
    lattice = engine.prepare(lattice_of(scheme, [4, 0, 1, 6, 3]))
    posterior = SpanPosterior(lattice, scheme, engine.backend)
    expected = []
    for n, (first, end) in enumerate(pairwise(posterior.offsets.tolist())):
        candidates = candidates_in(posterior, first, end)
        number = posterior.expected_numbers[n]
        chosen = (
            largest_expected_f(scored(candidates), float(number))
            if price is None
            else minimum_risk(scored(candidates), price)
        )
        expected += choose(candidates, chosen)
    found = best_spans(lattice, scheme, price, engine.backend)
    assert len(expected) > 0
    assert list(zip(*(c.tolist() for c in found), strict=True)) == expected


@pytest.mark.parametrize("price", [None, 0.5])
def test_best_spans_of_nothing(price) -> None:
    scheme = TagScheme(["A"])
    for lengths in ([], [0, 0]):
        assert len(best_spans(lattice_of(scheme, lengths), scheme, price).start) == 0
    no_labels = TagScheme([])
    found = best_spans(lattice_of(no_labels, [3]), no_labels, price)
    assert [len(column) for column in found] == [0, 0, 0, 0]


@pytest.mark.parametrize("price", [None, 0.5])
def test_best_spans_of_a_sequence_without_paths(price) -> None:
    scheme = TagScheme(["A"])
    lattice = lattice_of(scheme, [2, 3])
    mask = np.ones(lattice.emissions.shape, dtype=bool)
    mask[4] = False
    with pytest.raises(ImpossibleSequenceError, match="sequence 1"):
        best_spans(lattice.restrict(mask), scheme, price)
