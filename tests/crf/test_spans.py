"""Span probabilities against the enumeration of all paths."""

from typing import Dict, Tuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_crf_tagger.crf import Lattice, TagScheme, forward_backward, spans
from spacy_crf_tagger.crf.scheme import TaggedSpans
from spacy_crf_tagger.crf.spans import SpanPosterior, by_sequence, span_probabilities

from .brute_force import (
    all_paths,
    path_log_probabilities,
    random_mask,
    random_potentials,
    rows_of,
)
from .conftest import Engine

LENGTHS = [4, 0, 1, 5, 2]
Span = Tuple[int, int, int]


def random_case(seed: int, scheme: TagScheme, scales=(1.0,), lengths=LENGTHS):
    rng = np.random.default_rng(seed)
    potentials = random_potentials(rng, lengths, scheme.n_tags, scales)
    mask = random_mask(rng, potentials, forbidden=0.15, always_possible=True)
    return Lattice.build(potentials, scheme.constraints, mask)


def enumerate_spans(lattice: Lattice, scheme: TagScheme) -> Dict[Span, float]:
    """Probability of every span that occurs in any path."""
    result: Dict[Span, float] = {}
    logs = path_log_probabilities(lattice)
    for rows, log_probabilities in zip(rows_of(lattice.lengths), logs, strict=True):
        if not len(rows):
            continue
        for path in np.flatnonzero(log_probabilities > -np.inf):
            spans = scheme.decode(all_paths(len(rows), scheme.n_tags)[path])
            for start, end, label in zip(*spans, strict=True):
                key = (int(start + rows[0]), int(end + rows[0]), int(label))
                probability = np.exp(log_probabilities[path])
                result[key] = result.get(key, 0.0) + float(probability)
    return result


def every_span(lattice: Lattice, scheme: TagScheme) -> np.ndarray:
    spans = [
        (start, end, label)
        for rows in rows_of(lattice.lengths)
        for start in rows
        for end in range(start + 1, rows[-1] + 2)
        for label in range(len(scheme.labels))
    ]
    return np.array(spans, dtype=np.int64).reshape(-1, 3)


# At 1 all is scaled, at 1e3 all is in log space.
@pytest.mark.parametrize("scales", [(1.0,), (1.0, 1e3)], ids=str)
@pytest.mark.parametrize("name", ["biluo", "bio"])
def test_every_span_has_its_exact_probability(engine: Engine, name, scales) -> None:
    scheme = TagScheme(["PER", "LOC"], name)
    lengths = [3, 0, 1, 4, 2]
    for seed in range(3):
        lattice = random_case(seed, scheme, scales, lengths)
        expected = enumerate_spans(lattice, scheme)
        spans = every_span(lattice, scheme)
        posterior = SpanPosterior(engine.prepare(lattice), scheme, engine.backend)
        np.testing.assert_allclose(
            posterior.probabilities(*spans.T),
            [expected.get(tuple(span), 0.0) for span in spans.tolist()],
            atol=1e-9,
        )


@pytest.mark.parametrize("floor", [0.001, 0.05, 0.3])
@pytest.mark.parametrize("name", ["biluo", "bio"])
def test_probable_spans_are_all_found(engine: Engine, name, floor) -> None:
    scheme = TagScheme(["PER", "LOC"], name)
    lattice = random_case(3, scheme, lengths=[3, 0, 1, 4, 2])
    expected = {
        span: probability
        for span, probability in enumerate_spans(lattice, scheme).items()
        if probability > floor
    }
    posterior = SpanPosterior(engine.prepare(lattice), scheme, engine.backend)
    found = posterior.above(floor)
    spans = list(zip(*(c.tolist() for c in found[:3]), strict=True))
    assert len(set(spans)) == len(spans)
    assert (np.diff(found.start) >= 0).all()
    assert dict(zip(spans, found.probability, strict=True)) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["biluo", "bio"])
def test_spans_of_few_sequences_have_the_same_probabilities(engine, name) -> None:
    scheme = TagScheme(["PER", "LOC"], name)
    lattice = random_case(4, scheme, lengths=[3, 0, 1, 4, 2, 3])
    prepared = engine.prepare(lattice)
    posterior = SpanPosterior(prepared, scheme, engine.backend)
    everything = every_span(lattice, scheme)
    for sequences in ([0], [2, 3], [5], [0, 3, 5]):
        of_span = np.searchsorted(posterior.offsets, everything[:, 0], "right") - 1
        some = everything[np.isin(of_span, sequences)]
        found = span_probabilities(
            prepared, scheme, TaggedSpans(*some.T), engine.backend
        )
        np.testing.assert_allclose(
            found, posterior.probabilities(*some.T), rtol=1e-12, atol=1e-300
        )


def test_sequences_without_spans_are_not_computed(monkeypatch) -> None:
    computed = []

    def posterior(lattice, *arguments):
        computed.append(lattice.lengths.tolist())
        return SpanPosterior(lattice, *arguments)

    monkeypatch.setattr(spans, "SpanPosterior", posterior)
    scheme = TagScheme(["PER"])
    lattice = random_case(0, scheme, lengths=[3, 0, 1, 4, 2])
    columns = np.array([[0, 2, 0], [4, 5, 0], [1, 3, 0]]).T
    assert len(span_probabilities(lattice, scheme, TaggedSpans(*columns))) == 3
    nothing = TaggedSpans(*np.zeros((3, 0), dtype=np.int64))
    assert span_probabilities(lattice, scheme, nothing).tolist() == []
    assert computed == [[3, 4]]


def test_spans_are_numbered_by_their_sequence() -> None:
    tagged = TaggedSpans(np.array([0, 2, 3, 8]), np.array([1, 3, 7, 9]), np.arange(4))
    expected = [[(0, 1, 0), (2, 3, 1)], [], [(0, 4, 2)], [], [(1, 2, 3)]]
    assert by_sequence(tagged, np.array([3, 0, 4, 0, 2])) == expected
    overlapping = TaggedSpans(np.array([1, 1]), np.array([3, 2]), np.array([0, 1]))
    assert by_sequence(overlapping, np.array([3])) == [[(1, 3, 0), (1, 2, 1)]]
    nothing = TaggedSpans(*np.zeros((3, 0), dtype=np.int64))
    assert by_sequence(nothing, np.array([2, 0])) == [[], []]
    assert by_sequence(nothing, np.zeros(0, dtype=np.int64)) == []


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    lengths=st.lists(st.integers(0, 12), min_size=1, max_size=4),
    n_labels=st.integers(1, 3),
    name=st.sampled_from(["biluo", "bio"]),
)
def test_spans_over_a_token_and_outside_add_up_to_one(
    backend, seed, lengths, n_labels, name
) -> None:
    scheme = TagScheme([f"L{n}" for n in range(n_labels)], name)
    lattice = random_case(seed, scheme, (1.0, 5.0), lengths)
    posterior = SpanPosterior(lattice, scheme, backend)
    spans = every_span(lattice, scheme)
    probabilities = posterior.probabilities(*spans.T)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    covered = posterior.tags[:, 0].copy()
    for (start, end, _), probability in zip(spans, probabilities, strict=True):
        covered[start:end] += probability
    np.testing.assert_allclose(covered, 1.0, atol=1e-9)
    np.testing.assert_allclose(
        posterior.labels.sum(1), 1 - posterior.tags[:, 0], atol=1e-12
    )


@pytest.mark.parametrize("name", ["biluo", "bio"])
def test_conditional_on_a_preset_is_joint_divided_by_its_probability(
    engine: Engine, name
) -> None:
    """The joint probability of two spans is that of one of them given the other as a
    restriction of the lattice, times that of the other.
    """
    scheme = TagScheme(["PER", "LOC"], name)
    rng = np.random.default_rng(0)
    potentials = random_potentials(rng, [5], scheme.n_tags)
    free = Lattice.build(potentials, scheme.constraints)
    preset, other = (1, 3, 0), (3, 5, 1)
    mask = np.ones((5, scheme.n_tags), dtype=bool)
    mask[1:3] = False
    mask[[1, 2], scheme.encode([preset], 5)[1:3]] = True
    mask[3] &= ~scheme.continues
    given_preset = SpanPosterior(
        engine.prepare(free.restrict(mask)), scheme, engine.backend
    )
    log_probabilities = path_log_probabilities(free)[0]
    joint = sum(
        np.exp(log_probabilities[path])
        for path, tags in enumerate(all_paths(5, scheme.n_tags))
        if log_probabilities[path] > -np.inf
        and {preset, other} <= set(zip(*scheme.decode(tags), strict=True))
    )
    alone = SpanPosterior(engine.prepare(free), scheme, engine.backend)
    np.testing.assert_allclose(
        given_preset.probabilities(*np.array([other]).T)[0],
        joint / alone.probabilities(*np.array([preset]).T)[0],
    )


def test_long_spans_in_a_long_sequence(engine: Engine) -> None:
    scheme = TagScheme(["PER"], "biluo")
    rng = np.random.default_rng(1)
    potentials = random_potentials(rng, [1200], scheme.n_tags)
    lattice = Lattice.build(potentials, scheme.constraints)
    mask = np.ones((1200, scheme.n_tags), dtype=bool)
    mask[10:1190] = False
    mask[np.arange(10, 1190), scheme.encode([(10, 1190, 0)], 1200)[10:1190]] = True
    known = SpanPosterior(
        engine.prepare(lattice.restrict(mask)), scheme, engine.backend
    )
    span = np.array([(10, 1190, 0)]).T
    assert known.probabilities(*span)[0] == pytest.approx(1.0)
    free = SpanPosterior(engine.prepare(lattice), scheme, engine.backend)
    log_z = [
        float(forward_backward(each, engine.backend).log_z[0])
        for each in map(engine.prepare, (lattice.restrict(mask), lattice))
    ]
    assert log_z[0] - log_z[1] < -700  # less than the smallest double
    assert free.probabilities(*span)[0] == 0.0


def test_impossible_sequences_have_no_spans(engine: Engine) -> None:
    scheme = TagScheme(["PER"], "biluo")
    lattice = random_case(0, scheme, lengths=[3, 2])
    mask = np.ones(lattice.emissions.shape, dtype=bool)
    mask[1] = False
    broken = engine.prepare(lattice.restrict(mask))
    posterior = SpanPosterior(broken, scheme, engine.backend)
    assert not posterior.tags[:3].any()
    whole = SpanPosterior(engine.prepare(lattice), scheme, engine.backend)
    np.testing.assert_allclose(posterior.tags[3:], whole.tags[3:])
