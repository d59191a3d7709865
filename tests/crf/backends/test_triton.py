"""The kernels in Triton against torch and lists of paths: on a GPU, or under Triton's
interpreter on the CPU, where each token takes some milliseconds.
"""

import os
import subprocess
import sys
from typing import Iterator, Sequence

import numpy as np
import pytest
import torch

from spacy_crf_tagger.crf import (
    Lattice,
    Potentials,
    TagScheme,
    forward_backward,
    log_partition,
    negative_log_likelihood,
    path_loss,
    sample,
    tag_posterior,
    viterbi,
)
from spacy_crf_tagger.crf.backends.torch import backend as torch_backend
from tests.helpers.paths import ROOT

from ..brute_force import (
    SCORES,
    enumerate_paths,
    finite_differences,
    random_lattice,
    random_mask,
    random_potentials,
    score_tags,
)
from ..on_device import DEVICE, HAS_GPU, OnDevice

triton = pytest.importorskip(
    "triton", reason="needs Triton: pip install -e '.[triton]'", exc_type=ImportError
)

from spacy_crf_tagger.crf.backends.triton import (  # noqa: E402
    backend as triton_backend,
)
from spacy_crf_tagger.crf.backends.triton import passes, trial  # noqa: E402

pytestmark = [pytest.mark.triton, *([pytest.mark.gpu] if HAS_GPU else [])]
KERNELS = OnDevice(triton_backend)
# The kernels have one way for tags whose transitions stay in registers, and another.
MANY_TAGS = 70
LENGTHS = [4, 0, 1, 3]
TOLERANCE = {np.float32: 1e-6, np.float64: 1e-11}
NEVER = -np.inf
HAS_PASSED = trial._has_passed


@pytest.fixture(scope="module", autouse=True)
def quick_interpreter() -> Iterator[None]:
    """Triton's interpreter replaces all functions of its language whenever a kernel
    calls a function. Once a launch is enough, and takes half the time.
    """
    if HAS_GPU:
        yield
        return
    from triton.runtime import interpreter

    replaced = set()

    def call(self, *args, **kwargs):
        module = self.fn.__module__
        if module not in replaced and not module.startswith("spacy_crf_tagger"):
            replaced.add(module)
            interpreter._patch_lang(self.fn)
        return self.rewrite()(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpreter.InterpretedFunction, "__call__", call)
        yield


@pytest.fixture(scope="module", autouse=True)
def passed_trials() -> Iterator[None]:
    """What a trial would find out, these tests find out."""
    with pytest.MonkeyPatch.context() as patch:
        if not HAS_GPU:
            patch.setattr(trial, "_has_passed", lambda *arguments: True)
        yield


def lattice_of(
    seed: int,
    n_tags: int,
    lengths: Sequence[int] = tuple(LENGTHS),
    dtype: type = np.float64,
    **options,
) -> Lattice:
    rng = np.random.default_rng(seed)
    return random_lattice(rng, lengths, n_tags, dtype=dtype, **options)


def assert_marginals(ours, theirs, dtype: type = np.float64) -> None:
    tolerance = TOLERANCE[dtype]
    assert ours.tags.dtype == theirs.tags.dtype
    np.testing.assert_allclose(ours.log_z, theirs.log_z, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(ours.tags, theirs.tags, atol=tolerance)
    for name in ("transitions", "start", "end"):
        own, other = getattr(ours, name), getattr(theirs, name)
        np.testing.assert_allclose(own, other, atol=1e-11)


@pytest.mark.parametrize("n_tags", [1, 2, 5])
def test_answers_are_those_of_a_list_of_paths(n_tags: int, dtype: type) -> None:
    lattice = lattice_of(1, n_tags, dtype=dtype, forbidden=0.2, always_possible=True)
    expected = enumerate_paths(lattice)
    marginals = forward_backward(lattice, KERNELS)
    tolerance = TOLERANCE[dtype]
    np.testing.assert_allclose(marginals.log_z, expected.log_z, atol=1e-12)
    np.testing.assert_allclose(marginals.tags, expected.tags, atol=tolerance)
    np.testing.assert_allclose(marginals.transitions, expected.transitions, atol=1e-11)
    np.testing.assert_allclose(marginals.start, expected.start, atol=1e-11)
    np.testing.assert_allclose(marginals.end, expected.end, atol=1e-11)
    paths = viterbi(lattice, KERNELS)
    np.testing.assert_allclose(paths.scores, expected.best, atol=1e-12)
    np.testing.assert_allclose(score_tags(lattice, paths.tags), expected.best)
    np.testing.assert_allclose(
        log_partition(lattice, KERNELS), expected.log_z, atol=1e-12
    )


@pytest.mark.parametrize("n_tags", [9, MANY_TAGS])
def test_answers_are_those_of_torch(n_tags: int, dtype: type) -> None:
    lengths = [12, 0, 2] if n_tags < MANY_TAGS else [2, 0, 3]
    lattice = lattice_of(2, n_tags, lengths, dtype, forbidden=0.3, always_possible=True)
    weights = np.array([0.5, 2.0, -1.0])
    ours = forward_backward(lattice, KERNELS, weights)
    assert_marginals(ours, forward_backward(lattice, torch_backend, weights), dtype)
    np.testing.assert_allclose(log_partition(lattice, KERNELS), ours.log_z, rtol=1e-14)
    pairs = np.array([[0, 0], [1, 2], [3, 1], [2, 2]])
    posterior = tag_posterior(lattice, pairs, KERNELS)
    expected = tag_posterior(lattice, pairs, torch_backend)
    for own, other in zip(posterior, expected, strict=True):
        assert own.dtype == other.dtype
        np.testing.assert_allclose(own, other, atol=1e-11)


@pytest.mark.parametrize("n_tags", [4, MANY_TAGS])
def test_ties_are_broken_alike(n_tags: int) -> None:
    lengths = [9, 0, 1] if n_tags < MANY_TAGS else [4, 1]
    lattice = lattice_of(3, n_tags, lengths, forbidden=0.2, always_possible=True)
    rounded = Lattice(*map(np.round, lattice.scores), lattice.lengths)
    ours = viterbi(rounded, KERNELS)
    theirs = viterbi(rounded, torch_backend)
    np.testing.assert_array_equal(ours.tags, theirs.tags)
    np.testing.assert_array_equal(ours.scores, theirs.scores)
    flat = Lattice.build(Potentials(np.zeros((3, n_tags)), None, None, None, [3]))
    assert viterbi(flat, KERNELS).tags.tolist() == [0, 0, 0]


def test_gradients_are_differences_of_log_z() -> None:
    lattice = lattice_of(4, n_tags=2, lengths=[2, 1], forbidden=0.1)
    marginals = forward_backward(lattice, KERNELS)
    for name, gradient in zip(SCORES, marginals[1:], strict=True):
        expected = finite_differences(
            lambda moved: float(log_partition(moved, KERNELS).sum()), lattice, name
        )
        np.testing.assert_allclose(gradient, expected, atol=1e-8)


@pytest.mark.parametrize("unknown", [0.0, 0.5], ids=["full", "partial"])
def test_losses_are_those_of_torch(unknown: float, dtype: type) -> None:
    scheme = TagScheme(["PER"])
    rng = np.random.default_rng(5)
    lengths = [5, 0, 1, 2]
    potentials = random_potentials(rng, lengths, scheme.n_tags, dtype=dtype)
    free = Lattice.build(potentials, scheme.constraints)
    tags = sample(free, 1, 0, torch_backend)[0]
    if unknown:
        annotation = np.eye(scheme.n_tags, dtype=bool)[tags]
        annotation |= random_mask(rng, potentials, 1 - unknown, False)
        known = free.restrict(annotation)
        ours = negative_log_likelihood(free, known, KERNELS)
        theirs = negative_log_likelihood(free, known, torch_backend)
    else:
        ours = path_loss(free, tags, KERNELS)
        theirs = path_loss(free, tags, torch_backend)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-12, atol=1e-12)
    for own, other in zip(ours[1][:-1], theirs[1][:-1], strict=True):
        assert own.dtype == other.dtype
        np.testing.assert_allclose(own, other, atol=TOLERANCE[dtype])


def test_scores_far_apart_are_left_to_log_space() -> None:
    """In one batch with others: what lies far apart has to be the sequence's own."""
    lattice = lattice_of(6, n_tags=3, lengths=[3, 4, 0, 2], always_possible=True)
    emissions = lattice.emissions.copy()
    emissions[3:7, 1] += 300.0  # of the second sequence
    emissions[7:, 0] = [-1e4, NEVER]
    far = Lattice(emissions, *lattice.scores[1:], lattice.lengths)
    weights = np.array([1.0, -2.0, 1.0, 0.5])
    ours = forward_backward(far, KERNELS, weights)
    assert_marginals(ours, forward_backward(far, torch_backend, weights))
    np.testing.assert_allclose(log_partition(far, KERNELS), ours.log_z, rtol=1e-14)
    pairs = np.array([[0, 1], [1, 1]])
    for own, other in zip(
        tag_posterior(far, pairs, KERNELS),
        tag_posterior(far, pairs, torch_backend),
        strict=True,
    ):
        np.testing.assert_allclose(own, other, atol=1e-11)


@pytest.mark.parametrize("gap", [90.0, 1e4])
def test_only_an_unlikely_path_may_end(gap: float) -> None:
    length = 6
    emissions = np.tile([0.0, -gap], (length, 1))
    steps = np.array([[0.0, NEVER], [NEVER, 0.0]])
    lattice = Lattice(emissions, steps, np.zeros(2), np.array([NEVER, 0.0]), [length])
    marginals = forward_backward(lattice, KERNELS)
    np.testing.assert_allclose(marginals.log_z, [-gap * length], rtol=1e-12)
    np.testing.assert_allclose(marginals.tags, np.tile([0.0, 1.0], (length, 1)))
    assert viterbi(lattice, KERNELS).tags.tolist() == [1] * length


def test_a_long_sequence_keeps_its_digits() -> None:
    lattice = lattice_of(7, n_tags=2, lengths=[150], scales=(5.0,))
    expected = log_partition(lattice, torch_backend)
    np.testing.assert_allclose(log_partition(lattice, KERNELS), expected, rtol=1e-14)


IMPOSSIBLE = {
    "no tag at a token": lambda scores: scores["emissions"][1].fill(NEVER),
    "no tag may start": lambda scores: scores["start"].fill(NEVER),
    "no tag may end": lambda scores: scores["end"].fill(NEVER),
    "no tag may follow": lambda scores: scores["transitions"].fill(NEVER),
}


@pytest.mark.parametrize("reason", IMPOSSIBLE)
def test_a_sequence_without_a_path(reason: str) -> None:
    scores = {
        "emissions": np.zeros((3, 2)),
        "transitions": np.zeros((2, 2)),
        "start": np.zeros(2),
        "end": np.zeros(2),
    }
    IMPOSSIBLE[reason](scores)
    lattice = Lattice.build(Potentials(**scores, lengths=[3]))
    marginals = forward_backward(lattice, KERNELS)
    assert marginals.log_z.tolist() == [NEVER]
    for probabilities in marginals[1:]:
        assert not probabilities.any()
    posterior = tag_posterior(lattice, np.array([[0, 1]]), KERNELS)
    assert not posterior.tags.any()
    assert not posterior.conditionals.any()
    with pytest.raises(ValueError, match="sequence 0 of the batch"):
        viterbi(lattice, KERNELS)


def test_a_batch_without_sequences() -> None:
    empty = lattice_of(8, n_tags=3, lengths=[])
    assert not any(part.any() for part in forward_backward(empty, KERNELS))
    assert len(viterbi(empty, KERNELS).tags) == 0
    assert len(log_partition(empty, KERNELS)) == 0
    assert len(path_loss(empty, np.zeros(0, dtype=int), KERNELS)[0]) == 0


@pytest.mark.parametrize(
    "question", ["edge_marginals", "expected_weight", "k_best", "sample"]
)
def test_rare_questions_go_to_torch(question: str) -> None:
    assert getattr(triton_backend, question) is getattr(torch_backend, question)


def test_more_tags_than_a_program_has_room_for_go_to_torch(monkeypatch) -> None:
    monkeypatch.setattr(trial, "MOST_TAGS", 3)
    monkeypatch.delattr(passes, "viterbi")
    lattice = lattice_of(10, n_tags=4)
    np.testing.assert_array_equal(
        viterbi(lattice, KERNELS).tags, viterbi(lattice, torch_backend).tags
    )


class TestTrial:
    """The kernels are tried once on a small lattice, before they answer a question."""

    def ask(self, question: str) -> bool:
        device = torch.device(DEVICE)
        return HAS_PASSED.__wrapped__(question, 16, torch.float32, device)

    @pytest.mark.parametrize("question", list(trial._QUESTIONS))
    def test_kernels_pass(self, question: str) -> None:
        assert self.ask(question)

    def test_kernels_that_cannot_be_compiled(self, monkeypatch) -> None:
        def fail(lattice: Lattice) -> None:
            raise RuntimeError("Failed to find C compiler.")

        monkeypatch.setattr(passes, "viterbi", fail)
        with pytest.warns(UserWarning, match="for viterbi .* C compiler"):
            assert not self.ask("viterbi")

    def test_kernels_that_are_wrong(self, monkeypatch) -> None:
        def lie(lattice: Lattice) -> torch.Tensor:
            return torch_backend.log_partition(lattice) + 0.01

        monkeypatch.setattr(passes, "log_partition", lie)
        with pytest.warns(UserWarning, match="answers differ from torch's"):
            assert not self.ask("log_partition")


def test_kernels_compile_for_a_gpu(tmp_path) -> None:
    environment = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path)}
    environment.pop("TRITON_INTERPRET", None)
    command = [sys.executable, "-m", "tests.crf.backends.compile_triton"]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 8
