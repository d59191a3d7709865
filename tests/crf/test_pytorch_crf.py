"""Loss, gradients and decoding against pytorch-crf, on padded batches."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor
from torchcrf import CRF

from spacy_crf_tagger.crf import (
    Lattice,
    Potentials,
    negative_log_likelihood,
    viterbi,
)

from .conftest import Engine

N_TAGS = 7


class Batch(NamedTuple):
    lengths: np.ndarray
    crf: CRF
    padded: Tensor  # [T, B, K]
    mask: Tensor  # [T, B]
    padded_tags: Tensor  # [T, B]

    def lattice(self) -> Lattice:
        parameters = (
            self.crf.transitions,
            self.crf.start_transitions,
            self.crf.end_transitions,
        )
        scores = [self.ragged(self.padded), *parameters]
        arrays = [score.detach().numpy() for score in scores]
        return Lattice.build(Potentials(*arrays, self.lengths))

    def ragged(self, padded: Tensor) -> Tensor:
        """The unpadded rows, sequence after sequence."""
        return padded.transpose(0, 1)[self.mask.T]


@pytest.fixture(params=range(3))
def batch(request: pytest.FixtureRequest, dtype: type) -> Batch:
    generator = torch.Generator().manual_seed(request.param)
    # pytorch-crf takes no empty sequences.
    lengths = np.array([1, *torch.randint(1, 30, (8,), generator=generator).tolist()])
    real = torch.float32 if dtype is np.float32 else torch.float64

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=real)

    crf = CRF(N_TAGS).to(real)
    with torch.no_grad():
        crf.transitions.copy_(draw(N_TAGS, N_TAGS))
        crf.start_transitions.copy_(draw(N_TAGS))
        crf.end_transitions.copy_(draw(N_TAGS))
    longest = int(lengths.max())
    mask = torch.arange(longest)[:, None] < torch.from_numpy(lengths)
    tags = torch.randint(N_TAGS, (longest, len(lengths)), generator=generator)
    padded = (2 * draw(longest, len(lengths), N_TAGS)).requires_grad_()
    return Batch(lengths, crf, padded, mask, tags)


def test_loss_and_gradients(batch: Batch, engine: Engine) -> None:
    free = batch.lattice()
    tags = batch.ragged(batch.padded_tags).numpy()
    known = free.restrict(np.eye(N_TAGS, dtype=bool)[tags])
    losses, gradients = negative_log_likelihood(
        engine.prepare(free), engine.prepare(known), engine.backend
    )
    theirs = -batch.crf(batch.padded, batch.padded_tags, batch.mask, reduction="none")
    theirs.sum().backward()
    precision = {"atol": 1e-4, "rtol": 1e-5}
    if free.emissions.dtype == np.float64:
        precision = {"atol": 1e-9, "rtol": 1e-9}
    for ours, expected in (
        (losses, theirs.detach()),
        (gradients.emissions, batch.ragged(batch.padded.grad)),
        (gradients.transitions, batch.crf.transitions.grad),
        (gradients.start, batch.crf.start_transitions.grad),
        (gradients.end, batch.crf.end_transitions.grad),
    ):
        np.testing.assert_allclose(ours, expected, **precision)


def test_decoding(batch: Batch, engine: Engine) -> None:
    paths = viterbi(engine.prepare(batch.lattice()), engine.backend)
    with torch.no_grad():
        expected = batch.crf.decode(batch.padded, batch.mask)
    np.testing.assert_array_equal(paths.tags, np.concatenate(expected))
