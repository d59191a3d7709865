"""−log(1 − P(span)) against enumeration and finite differences."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import logsumexp

from spacy_crf_tagger.crf import (
    Lattice,
    NegativeSpan,
    TagScheme,
    forward_backward,
    negative,
    negative_span_loss,
)

from .brute_force import (
    SCORES,
    Floats,
    all_paths,
    finite_differences,
    path_log_probabilities,
    random_potentials,
)
from .conftest import Engine

LENGTHS = [3, 0, 4, 1]
SPANS = [
    NegativeSpan(0, 1, (1,)),
    NegativeSpan(1, 3, (0,)),
    NegativeSpan(3, 6, (1,)),
    NegativeSpan(4, 6, (0, 1)),
    NegativeSpan(5, 7, (1,)),
    NegativeSpan(7, 8, (0, 1)),
    NegativeSpan(7, 8, (0, 1)),
]
FIRST = {0: 0, 3: 2, 7: 3}
both_schemes = pytest.mark.parametrize("name", ["biluo", "bio"])


def free_lattice(name: str, seed: int = 0, scale: float = 1.0) -> Lattice:
    scheme = TagScheme(["PER", "LOC"], name)
    rng = np.random.default_rng(seed)
    potentials = random_potentials(rng, LENGTHS, scheme.n_tags, (1.0, scale))
    return Lattice.build(potentials, scheme.constraints)


@cache
def paths_without(span: NegativeSpan, name: str) -> NDArray[np.int64]:
    """RETURNS which paths of its sequence lack a span, of those that the scheme allows.
    They are the same for all scores, and to decode them takes long.
    """
    scheme = TagScheme(["PER", "LOC"], name)
    first, sequence = sequence_of(span)
    wanted = {(span.start - first, span.end - first, label) for label in span.labels}
    paths = all_paths(LENGTHS[sequence], scheme.n_tags)
    logs = path_log_probabilities(free_lattice(name))[sequence]
    return np.array(
        [
            path
            for path in np.flatnonzero(logs > -np.inf)
            if not wanted & set(zip(*scheme.decode(paths[path]), strict=True))
        ]
    )


def sequence_of(span: NegativeSpan) -> tuple[int, int]:
    """RETURNS the first row of the sequence that a span is in, and its number."""
    first = max(row for row in FIRST if row <= span.start)
    return first, FIRST[first]


def enumerated_losses(lattice: Lattice, name: str) -> Floats:
    logs = path_log_probabilities(lattice)
    losses = []
    for span in SPANS:
        _, sequence = sequence_of(span)
        losses.append(-logsumexp(logs[sequence][paths_without(span, name)]))
    return np.array(losses)


@both_schemes
@pytest.mark.parametrize("scale", [1.0, 300.0], ids=["scaled", "log space"])
def test_losses_are_exact(engine: Engine, name, scale, monkeypatch) -> None:
    scheme = TagScheme(["PER", "LOC"], name)
    lattice = free_lattice(name, scale=scale)
    expected = enumerated_losses(lattice, name)
    prepared = engine.prepare(lattice)
    losses, _ = negative_span_loss(prepared, SPANS, scheme, engine.backend)
    np.testing.assert_allclose(losses, expected, atol=1e-9)
    monkeypatch.setattr(negative, "_MAX_ROWS", 10)  # many chunks
    losses, _ = negative_span_loss(prepared, SPANS, scheme, engine.backend)
    np.testing.assert_allclose(losses, expected, atol=1e-9)


@both_schemes
def test_gradients_are_those_of_finite_differences(
    engine: Engine, name, monkeypatch
) -> None:
    monkeypatch.setattr(negative, "_MAX_ROWS", 40)
    scheme = TagScheme(["PER", "LOC"], name)
    lattice = free_lattice(name, seed=1)
    _, gradients = negative_span_loss(
        engine.prepare(lattice), SPANS, scheme, engine.backend
    )

    def total(changed: Lattice) -> float:
        return float(enumerated_losses(changed, name).sum())

    for field in SCORES:
        expected = finite_differences(total, lattice, field)
        np.testing.assert_allclose(
            getattr(gradients, field), expected, atol=1e-7, err_msg=field
        )


@both_schemes
def test_a_certain_span_still_has_a_gradient(engine: Engine, name) -> None:
    """1 − P is far below the precision of P."""
    scheme = TagScheme(["PER"], name)
    lattice = Lattice.build(
        random_potentials(np.random.default_rng(0), [4], scheme.n_tags),
        scheme.constraints,
    )
    tags = scheme.encode([(1, 3, 0)], 4)
    lattice.emissions[np.arange(4), tags] += 60.0
    losses, gradients = negative_span_loss(
        engine.prepare(lattice), [NegativeSpan(1, 3, (0,))], scheme, engine.backend
    )
    assert 40 < losses[0] < 140
    assert float(gradients.emissions[[1, 2], tags[1:3]].max()) > 0.5


def test_sequences_without_such_spans_have_no_gradient(engine: Engine) -> None:
    scheme = TagScheme(["PER", "LOC"])
    lattice = engine.prepare(free_lattice("biluo"))
    losses, gradients = negative_span_loss(lattice, [], scheme, engine.backend)
    assert len(losses) == 0
    assert not any(np.asarray(each).any() for each in gradients[:-1])
    _, gradients = negative_span_loss(lattice, SPANS[:2], scheme, engine.backend)
    assert not np.asarray(gradients.emissions[3:]).any()


def test_a_span_that_is_on_every_path_is_an_error(engine: Engine) -> None:
    scheme = TagScheme(["PER", "LOC"])
    mask = np.ones((8, scheme.n_tags), dtype=bool)
    mask[7] = False
    mask[7, scheme.encode([(0, 1, 0)], 1)] = True
    known = engine.prepare(free_lattice("biluo").restrict(mask))
    span = NegativeSpan(7, 8, (0,))
    with pytest.raises(ValueError, match="sequence 3 of the batch"):
        negative_span_loss(known, [span], scheme, engine.backend)


def test_weights_multiply_what_a_sequence_counts(engine: Engine) -> None:
    lattice = free_lattice("biluo", scale=30.0)
    weights = np.array([2.0, 1.0, -0.5, 0.0])
    weighted = forward_backward(engine.prepare(lattice), engine.backend, weights)
    ends = np.cumsum(LENGTHS)
    expected = np.zeros_like(lattice.transitions)
    for weight, length, end in zip(weights, LENGTHS, ends, strict=True):
        alone = replace(
            lattice,
            emissions=lattice.emissions[end - length : end],
            lengths=np.array([length]),
        )
        one = forward_backward(engine.prepare(alone), engine.backend)
        expected += weight * np.asarray(one.transitions)
    np.testing.assert_allclose(weighted.transitions, expected, atol=1e-9)
    np.testing.assert_allclose(
        weighted.start, weights[[0, 2, 3]] @ np.asarray(weighted.tags)[[0, 3, 7]]
    )
