"""One question to a random lattice with arguments that may mean nothing: it must be
refused by a `ValueError` exactly if they do, and else be answered as brute force does.
"""

from dataclasses import dataclass
from typing import Any, Callable, Dict

import numpy as np
import torch

from spacy_crf_tagger.crf import Lattice, Potentials, TagScheme
from spacy_crf_tagger.crf.backends.torch import backend as torch_backend

from .brute_force import Enumeration
from .hostile import LIMIT, Rng, pick

Question = Callable[["Case"], bool]
QUESTIONS: Dict[str, Question] = {}
KINDS = ["numba", "torch", "tensor"]


@dataclass
class Plain:
    """The scores of a lattice as doubles, unchecked."""

    emissions: np.ndarray
    transitions: np.ndarray
    start: np.ndarray
    end: np.ndarray
    lengths: np.ndarray

    @property
    def n_tags(self) -> int:
        return self.emissions.shape[1]


@dataclass
class Case:
    """What a question is about: random numbers, kernels, a lattice, what it means."""

    rng: Rng
    kind: str
    scheme: TagScheme
    scores: Potentials

    @property
    def backend(self) -> Any:
        return {"numba": None, "torch": torch_backend, "tensor": None}[self.kind]

    @property
    def plain(self) -> Plain:
        doubles = [np.asarray(scores, dtype=np.float64) for scores in self.scores]
        return Plain(*doubles[:4], self.scores.lengths)

    @property
    def lattice(self) -> Lattice:
        return Lattice.build(self.potentials)

    @property
    def potentials(self) -> Potentials:
        if self.kind != "tensor":
            return self.scores
        tensors = [torch.from_numpy(scores.copy()) for scores in self.scores[:4]]
        return Potentials(*tensors, self.scores.lengths)

    @property
    def is_wrong(self) -> bool:
        """Whether this case should try an argument that may mean nothing."""
        return bool(self.rng.random() < 0.7)


def question(function: Question) -> Question:
    QUESTIONS[function.__name__] = function
    return function


def random_case(seed: int, kind: str) -> Case:
    """A lattice under a tag scheme, with scores of all magnitudes; tag 0 may be
    anywhere, so that every sequence has a path.
    """
    rng = np.random.default_rng(seed)
    name = pick(rng, ["bio", "biluo", "bio"])
    scheme = TagScheme([["A"], ["A", "B"], []][pick(rng, [0, 0, 1, 2])], name)
    n_tags = scheme.n_tags
    longest = {1: 6, 3: 6, 5: 4, 9: 3}[n_tags]
    lengths = rng.integers(0, longest + 1, size=rng.integers(0, 5))
    if rng.random() < 0.2:
        lengths = np.minimum(np.resize(lengths, 11), 2) if len(lengths) else lengths
    scales = pick(rng, [[1.0], [1.0], [0.0, 1.0], [1.0, 50.0, 1e4], [1.0, 9e4]])
    dtype = pick(rng, [np.float32, np.float64])

    def draw(*shape: int) -> np.ndarray:
        scores = rng.normal(size=shape) * rng.choice(scales, size=shape)
        return scores.astype(dtype)

    emissions, start, end = draw(int(lengths.sum()), n_tags), draw(n_tags), draw(n_tags)
    transitions = draw(n_tags, n_tags)
    allowed = scheme.constraints
    never = pick(rng, [-np.inf, -np.inf, -1e4, -1e9, -1e30, -3.4e38])
    for scores, mask in (
        (transitions, allowed.transitions),
        (start, allowed.start),
        (end, allowed.end),
    ):
        # Tags of spans are asked for only where the scheme really forbids.
        scores[~mask] = -np.inf if rng.random() < 0.8 else never
    if rng.random() < 0.3 and emissions.size:
        forbidden = rng.random(emissions.shape) < 0.3
        forbidden[:, 0] = rng.random() < 0.1
        emissions[forbidden] = never
    return Case(
        rng, kind, scheme, Potentials(emissions, transitions, start, end, lengths)
    )


def ask(call: Callable[[], Any], means_something: bool, given: Any = None) -> Any:
    """The answer; None if it was refused, which it must be exactly without meaning."""
    refusal = None
    try:
        answer = call()
    except ValueError as error:
        refusal = error
    if refusal is None:
        assert means_something, f"accepted {given!r}: {answer!r}"
        return answer
    assert not means_something, f"refused {given!r}: {refusal}"
    return None


def has_digits(found: Enumeration, lengths: np.ndarray) -> bool:
    return bool(
        ((found.log_z >= -LIMIT * (2 * lengths + 1)) | np.isneginf(found.log_z)).all()
    )


def is_possible(found: Enumeration) -> bool:
    return bool((found.log_z > -np.inf).all())


def assert_close(
    answer: Any, expected: Any, plain: Plain, rounded: bool = True
) -> None:
    """Compare numbers that were computed in doubles from scores of this size, and
    perhaps rounded to single precision.
    """
    tolerance = 1e-9 + 1e-15 * size_of(plain) + (2e-7 if rounded else 0.0)
    answer = np.asarray(answer)
    np.testing.assert_allclose(answer, expected, rtol=3e-7, atol=tolerance)


def size_of(plain: Plain) -> float:
    """How large the sums over paths are that do not go through what is as good as
    forbidden.
    """
    size = 1.0
    for scores in (plain.emissions, plain.transitions, plain.start, plain.end):
        usual = np.abs(scores[scores > -2 * LIMIT])
        size += usual.max(initial=0.0) * (1 + plain.lengths.max(initial=0))
    return size
