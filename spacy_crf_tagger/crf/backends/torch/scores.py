"""The scores of a lattice as tensors, and which rows of a ragged batch take a step
together.
"""

from typing import Iterator, List, Tuple, cast

import numpy as np
import torch
from torch import Tensor

from ...arrays import Array, upload
from ...lattice import Lattice, Lengths, offsets_of


class Scores:
    """The scores of a lattice in double precision, and the rows of each time step."""

    def __init__(self, lattice: Lattice) -> None:
        self.from_numpy = isinstance(lattice.emissions, np.ndarray)
        emissions = _as_tensor(lattice.emissions)
        is_single = emissions.dtype == torch.float32
        self.dtype = torch.float32 if is_single else torch.float64
        self.emissions = emissions.double()  # [N, K]
        device = emissions.device

        def double(scores: Array) -> Tensor:
            return _as_tensor(scores).to(device, torch.float64)

        self.transitions = double(lattice.transitions)  # [K, K]
        self.start = double(lattice.start)  # [K]
        self.end = double(lattice.end)  # [K]
        self.lengths = lattice.lengths
        # Found on the CPU, which would have to wait for a GPU to say how many it found.
        occupied = np.flatnonzero(lattice.lengths)
        offsets = offsets_of(lattice.lengths)
        own = np.repeat(np.arange(len(lattice.lengths)), lattice.lengths)
        by_length, self._active = _longest_first(lattice.lengths)
        self.sequences = upload(own, device)  # of each token, [N]
        self.occupied = upload(occupied, device)  # sequences with tokens
        self.first_rows = upload(offsets[:-1][occupied], device)
        self.last_rows = upload(offsets[1:][occupied] - 1, device)
        self._longest_first_rows = upload(offsets[by_length], device)

    def rows_by_step(self) -> List[Tensor]:
        """RETURNS (List[Tensor]): For each time step, the rows of the tokens at it, of
        the sequences that reach it, the longest first.
        """
        return [
            self._longest_first_rows[:n_active] + time
            for time, n_active in enumerate(self._active)
        ]

    def steps(self) -> Iterator[Tuple[Tensor, Tensor]]:
        """YIELDS (Tuple[Tensor, Tensor]): For each time step but the first, the rows
        of the tokens before and at it, of the sequences that reach it.
        """
        for time, n_active in enumerate(self._active[1:], start=1):
            previous = self._longest_first_rows[:n_active] + (time - 1)
            yield previous, previous + 1

    def log_z(self, alpha: Tensor) -> Tensor:
        """RETURNS (Tensor): log Z of each sequence, [B]."""
        log_z = torch.zeros(len(self.lengths), dtype=alpha.dtype, device=alpha.device)
        log_z[self.occupied] = torch.logsumexp(alpha[self.last_rows] + self.end, dim=1)
        return log_z

    def by_token(self, log_z: Tensor) -> Tensor:
        """RETURNS (Tensor): The log Z of each token's sequence, [N, 1]; zero instead
        of `-inf`: an impossible sequence has scores of `-inf` everywhere, and their
        difference would be NaN.
        """
        norm = torch.where(log_z == -torch.inf, 0.0, log_z)
        return norm[self.sequences][:, None]

    def probabilities(self, log_scores: Tensor, log_z: Tensor) -> Tensor:
        """RETURNS (Tensor): exp(log score - log Z) of each token's sequence, [N, K]."""
        return torch.exp(log_scores - self.by_token(log_z))

    def convert(self, result: Tensor) -> Array:
        """RETURNS (Array): The result as the kind of array that the lattice has."""
        return result.numpy() if self.from_numpy else result


def _as_tensor(scores: Array) -> Tensor:
    """RETURNS (Tensor): The scores without their history; arrays are copied, since
    torch cannot share one that is read-only.
    """
    if isinstance(scores, np.ndarray):
        return torch.from_numpy(np.array(scores))
    return cast(Tensor, scores).detach()


def _longest_first(lengths: Lengths) -> Tuple[Lengths, List[int]]:
    """Order sequences by falling length.

    RETURNS (Tuple[NDArray[int], List[int]]): Sequence numbers, and how many sequences
        are longer than each time step, [longest].
    """
    order = np.argsort(-lengths, kind="stable")
    falling = lengths[order]
    longest = int(falling[0]) if len(falling) else 0
    active = np.searchsorted(-falling, -np.arange(longest), side="left")
    return order, cast(List[int], active.tolist())
