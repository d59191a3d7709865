"""Scores that lie far apart, and lattices without a path."""

from dataclasses import replace

import numpy as np
import pytest

from spacy_crf_tagger.crf import (
    Lattice,
    Potentials,
    TagScheme,
    edge_marginals,
    forward_backward,
    log_partition,
    negative_log_likelihood,
    viterbi,
)
from spacy_crf_tagger.crf.backends.numba import backend as numba_backend

from .brute_force import (
    Enumeration,
    enumerate_paths,
    inner_rows,
    random_lattice,
    score_tags,
)
from .conftest import Engine

NEVER = -np.inf
# Around the limits of the scaled kernels, and far beyond.
GAPS = [3.0, 76.0, 90.0, 100.0, 101.0, 1e4]
LONG = 500


def longest(engine: Engine) -> int:
    """The kernels of the CPU leave probability space on the way. Torch does the same at
    every step, and takes its time.
    """
    return LONG if engine.backend is numba_backend else 60


def assert_answers(engine: Engine, lattice: Lattice, expected: Enumeration) -> None:
    """Check the answers to all questions, where every sequence has a path."""
    prepared = engine.prepare(lattice)
    marginals = forward_backward(prepared, engine.backend)
    precise = {"rtol": 1e-12, "atol": 1e-8}
    rough = {"rtol": 0, "atol": 1e-5 if lattice.emissions.dtype == np.float32 else 1e-8}
    for log_z in (marginals.log_z, log_partition(prepared, engine.backend)):
        np.testing.assert_allclose(log_z, expected.log_z, **precise)
    np.testing.assert_allclose(marginals.tags, expected.tags, **rough)
    np.testing.assert_allclose(marginals.transitions, expected.transitions, **precise)
    np.testing.assert_allclose(marginals.start, expected.start, **rough)
    np.testing.assert_allclose(marginals.end, expected.end, **rough)
    rows = inner_rows(lattice.lengths)
    edges = edge_marginals(prepared, rows, engine.backend)
    np.testing.assert_allclose(edges, expected.edges[rows], **precise)
    paths = viterbi(prepared, engine.backend)
    np.testing.assert_allclose(paths.scores, expected.best, **precise)
    np.testing.assert_allclose(
        score_tags(lattice, paths.tags), expected.best, **precise
    )


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    "scales", [(1.0, 1e4), (1.0, 20.0, 40.0), (1e-3, 1.0, 1e2, 1e4)], ids=str
)
def test_mixed_magnitudes(
    seed: int, scales: tuple, engine: Engine, dtype: type
) -> None:
    lattice = random_lattice(
        np.random.default_rng(seed),
        [5, 1, 6, 0, 3],
        n_tags=3,
        scales=scales,
        forbidden=0.3,
        always_possible=True,
        dtype=dtype,
    )
    assert_answers(engine, lattice, enumerate_paths(lattice))


def two_worlds(
    length: int, scores: tuple, start: tuple = (0, 0), end: tuple = (0, 0)
) -> Lattice:
    """Tags 0 and 1, each of which only follows itself."""
    return Lattice.build(
        Potentials(
            np.tile(np.array(scores, dtype=np.float64), (length, 1)),
            np.array([[0.0, NEVER], [NEVER, 0.0]]),
            np.array(start, dtype=np.float64),
            np.array(end, dtype=np.float64),
            np.array([length]),
        )
    )


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("length", [1, 6, LONG])
def test_only_the_unlikely_path_may_end(
    gap: float, length: int, engine: Engine
) -> None:
    length = min(length, longest(engine))
    lattice = engine.prepare(two_worlds(length, (0.0, -gap), end=(NEVER, 0.0)))
    assert_only_path(engine, lattice, tag=1, score=-gap * length)


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("length", [1, 6, LONG])
def test_only_the_unlikely_path_may_start(
    gap: float, length: int, engine: Engine
) -> None:
    length = min(length, longest(engine))
    lattice = engine.prepare(two_worlds(length, (0.0, -gap), start=(NEVER, 0.0)))
    assert_only_path(engine, lattice, tag=1, score=-gap * length)


@pytest.mark.parametrize("gap", GAPS)
def test_only_the_unlikely_path_passes_a_late_token(gap: float, engine: Engine) -> None:
    length = longest(engine)
    late = [0, 4, length // 2, length - 1]
    lattice = two_worlds(length, (0.0, -gap))
    allowed = np.ones((len(late), length, 2), dtype=bool)
    allowed[range(len(late)), late, 0] = False
    together = Lattice(
        np.tile(lattice.emissions, (len(late), 1)),
        *lattice.scores[1:],
        [length] * len(late),
    ).restrict(allowed.reshape(-1, 2))
    assert_only_path(engine, engine.prepare(together), tag=1, score=-gap * length)
    # Torch does the same with one sequence as with several.
    if engine.backend is numba_backend:
        for own in allowed:
            assert_only_path(engine, lattice.restrict(own), tag=1, score=-gap * length)


def assert_only_path(engine: Engine, lattice: Lattice, tag: int, score: float) -> None:
    """Check the answers where each sequence has one path, all of the same tag."""
    n_tokens, n_sequences = len(lattice.emissions), len(lattice.lengths)
    marginals = forward_backward(lattice, engine.backend)
    expected = np.tile(np.eye(2)[tag], (n_tokens, 1))
    np.testing.assert_allclose(marginals.log_z, [score] * n_sequences, rtol=1e-12)
    np.testing.assert_allclose(marginals.tags, expected, atol=1e-9)
    ends = n_sequences * expected[0]
    np.testing.assert_allclose(marginals.start, ends, atol=1e-9)
    np.testing.assert_allclose(marginals.end, ends, atol=1e-9)
    edges = np.diag(expected[0])
    np.testing.assert_allclose(
        marginals.transitions,
        (n_tokens - n_sequences) * edges,
        rtol=1e-9,
        atol=1e-9,
    )
    last = np.intersect1d(inner_rows(lattice.lengths), np.cumsum(lattice.lengths) - 1)
    np.testing.assert_allclose(
        edge_marginals(lattice, last, engine.backend),
        np.tile(edges, (len(last), 1, 1)),
        atol=1e-9,
    )
    paths = viterbi(lattice, engine.backend)
    np.testing.assert_array_equal(paths.tags, np.full(n_tokens, tag))
    np.testing.assert_allclose(paths.scores, [score] * n_sequences, rtol=1e-12)


@pytest.mark.parametrize("gap", GAPS)
def test_continuations_of_nothing(gap: float, engine: Engine) -> None:
    """A leading run of whitespace, which may continue an entity but not begin one,
    before a text: the network likes what cannot be.
    """
    scheme = TagScheme(["PER"])
    length, n_spaces = 20, 18
    emissions = np.zeros((length, scheme.n_tags))
    emissions[:, scheme.continues] = gap
    allowed = np.ones(emissions.shape, dtype=bool)
    allowed[:n_spaces] = ~scheme.at_edge
    zeros = np.zeros(scheme.n_tags)
    transitions = np.zeros((scheme.n_tags, scheme.n_tags))
    lattice = engine.prepare(
        Lattice.build(
            Potentials(emissions, transitions, zeros, zeros, [length]),
            scheme.constraints,
            allowed,
        )
    )
    # The last two tokens: two entities or O, each in one token, or one entity in two.
    pairs = np.logaddexp(np.log(4.0), gap)
    marginals = forward_backward(lattice, engine.backend)
    np.testing.assert_allclose(marginals.log_z, [pairs], rtol=1e-12)
    tags = np.asarray(marginals.tags)
    np.testing.assert_allclose(tags[:n_spaces], np.eye(5)[np.zeros(n_spaces, int)])
    joined = np.exp(gap - pairs)
    single = np.exp(np.log(2.0) - pairs)
    # In the order of the tags: O, B, I, L, U.
    np.testing.assert_allclose(
        tags[n_spaces:],
        [[single, joined, 0.0, 0.0, single], [single, 0.0, 0.0, joined, single]],
        atol=1e-9,
    )


IMPOSSIBLE = {
    "no tag at a token": {"emissions": np.array([[0, 0], [NEVER, NEVER], [0, 0.0]])},
    "no tag may start": {"start": np.full(2, NEVER)},
    "no tag may end": {"end": np.full(2, NEVER)},
    "no tag may follow": {"transitions": np.full((2, 2), NEVER)},
    "start and token": {
        "start": np.array([0, NEVER]),
        "emissions": np.array([[NEVER, 0], [0, 0], [0, 0.0]]),
    },
    "token and step": {
        "transitions": np.array([[0, NEVER], [0, 0.0]]),
        "emissions": np.array([[0, NEVER], [NEVER, 0], [0, 0.0]]),
    },
    "token and end": {
        "end": np.array([NEVER, 0.0]),
        "emissions": np.array([[0, 0], [0, 0], [0, NEVER]]),
    },
}


@pytest.mark.parametrize("shift", [0.0, 1e4], ids=["scaled", "log space"])
@pytest.mark.parametrize("reason", IMPOSSIBLE)
def test_a_sequence_without_a_path(reason: str, shift: float, engine: Engine) -> None:
    scores = {
        "emissions": np.zeros((3, 2)),
        "transitions": np.zeros((2, 2)),
        "start": np.zeros(2),
        "end": np.zeros(2),
        **IMPOSSIBLE[reason],
    }
    scores["emissions"] = scores["emissions"] + [0.0, shift]
    lattice = engine.prepare(Lattice.build(Potentials(**scores, lengths=[3])))
    marginals = forward_backward(lattice, engine.backend)
    assert np.asarray(marginals.log_z).tolist() == [NEVER]
    assert np.asarray(log_partition(lattice, engine.backend)).tolist() == [NEVER]
    for probabilities in marginals[1:]:
        assert not np.asarray(probabilities).any()
    assert not np.asarray(edge_marginals(lattice, [1, 2], engine.backend)).any()
    with pytest.raises(ValueError, match="sequence 0 of the batch"):
        viterbi(lattice, engine.backend)
    with pytest.raises(ValueError, match="sequence 0 of the batch"):
        negative_log_likelihood(lattice, lattice, engine.backend)


def test_one_token_takes_no_step(engine: Engine) -> None:
    rng = np.random.default_rng(0)
    lattice = random_lattice(rng, [1, 2, 1], n_tags=3)
    forbidden = np.full((3, 3), NEVER)
    lattice = replace(lattice, transitions=forbidden)
    expected = enumerate_paths(lattice)
    assert np.isfinite(expected.log_z).tolist() == [True, False, True]
    marginals = forward_backward(engine.prepare(lattice), engine.backend)
    np.testing.assert_allclose(marginals.log_z, expected.log_z)
    np.testing.assert_allclose(marginals.tags, expected.tags, atol=1e-12)


def test_the_sequence_without_a_path_is_named_and_spoils_no_other(
    engine: Engine,
) -> None:
    rng = np.random.default_rng(0)
    free = random_lattice(rng, [3, 0, 4, 2, 1], n_tags=3)
    allowed = np.ones((10, 3), dtype=bool)
    allowed[5] = False
    allowed[9] = False
    known = free.restrict(allowed)
    expected = enumerate_paths(known)
    marginals = forward_backward(engine.prepare(known), engine.backend)
    np.testing.assert_allclose(marginals.log_z, expected.log_z, atol=1e-12)
    np.testing.assert_allclose(marginals.tags, expected.tags, atol=1e-12)
    np.testing.assert_allclose(marginals.transitions, expected.transitions, atol=1e-12)
    with pytest.raises(ValueError, match="sequence 2 of the batch"):
        viterbi(engine.prepare(known), engine.backend)
    with pytest.raises(ValueError, match="sequence 2 of the batch"):
        negative_log_likelihood(
            engine.prepare(free), engine.prepare(known), engine.backend
        )
