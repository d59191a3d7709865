"""Prepares tensors for the kernels, and launches them."""

from contextlib import nullcontext
from typing import Any, ContextManager, NamedTuple

import torch
from torch import Tensor

from ...arrays import upload
from ...lattice import Lattice, offsets_of
from . import kernels

# What the kernels hold in registers grows with the square of the tags.
MOST_TAGS = 128
_LEAST_BLOCK = 16
# So many tags are few for several warps of 32 threads, which wait for each other.
_MOST_OF_A_WARP = 32
_N_WARPS = 8
_TOKENS_AT_ONCE = 128


class Arguments(NamedTuple):
    """A lattice as the kernels take it.

    emissions (Tensor): [N, K]
    transitions (Tensor): [K, K]
    start (Tensor): [K]
    end (Tensor): [K]
    offsets (Tensor): The rows of the sequences, [B + 1].
    """

    emissions: Tensor
    transitions: Tensor
    start: Tensor
    end: Tensor
    offsets: Tensor

    @classmethod
    def of(cls, lattice: Lattice) -> "Arguments":
        """RETURNS (Arguments): Those of a lattice of tensors."""
        scores = [each.detach().contiguous() for each in lattice.scores]
        offsets = upload(offsets_of(lattice.lengths), scores[0].device)
        return cls(scores[0], scores[1], scores[2], scores[3], offsets)

    @property
    def device(self) -> torch.device:
        """RETURNS (torch.device): Where the tensors are."""
        return self.emissions.device

    @property
    def n_tags(self) -> int:
        """RETURNS (int): The number of tags, K."""
        return self.emissions.shape[1]

    @property
    def n_sequences(self) -> int:
        """RETURNS (int): The number of sequences, B."""
        return len(self.offsets) - 1

    def zeros(self, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
        """RETURNS (Tensor): Zeros where the lattice is."""
        return torch.zeros(shape, dtype=dtype, device=self.device)

    def empty(self, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
        """RETURNS (Tensor): Memory where the lattice is."""
        return torch.empty(shape, dtype=dtype, device=self.device)

    def states(self) -> Tensor:
        """RETURNS (Tensor): Memory for numbers of tags that registers have no room for,
        [N, K] or nothing.
        """
        if block_of(self.n_tags) <= kernels.MOST_IN_REGISTERS.value:
            return self.empty(0)
        return torch.empty_like(self.emissions, dtype=torch.float64)

    def exp_transitions(self) -> "tuple[Tensor, Tensor, Tensor, Tensor]":
        """RETURNS (Tuple): Transitions as `kernels.pad_transitions` writes them: both
        matrices, the largest score, and the lowest ones.
        """
        block = block_of(self.n_tags)
        padded = self.empty(2, block, block)
        top, lows = self.transitions.max(), self.empty(block)
        self._pad(padded[0], padded[1], top, lows, is_exp=True)
        return padded[0], padded[1], top, lows

    def padded_transitions(self) -> Tensor:
        """RETURNS (Tensor): The scores of transitions, `-inf` for what is no tag."""
        block = block_of(self.n_tags)
        padded = self.empty(block, block)
        self._pad(padded, padded, self.transitions, padded, is_exp=False)
        return padded

    def _pad(
        self, padded: Tensor, reverse: Tensor, top: Tensor, lows: Tensor, is_exp: bool
    ) -> None:
        block = len(padded)
        n_rows = min(_LEAST_BLOCK, kernels.CELLS_AT_ONCE.value // block)
        with _on(self.device):
            kernels.pad_transitions[(block // n_rows,)](
                self.transitions,
                top,
                padded,
                reverse,
                lows,
                self.n_tags,
                BLOCK=block,
                ROWS=n_rows,
                IS_EXP=is_exp,
                num_warps=_N_WARPS,
            )

    def launch(self, kernel: Any, *arguments: Any, **constants: Any) -> None:
        """Let a kernel compute every sequence.

        kernel (JITFunction): The kernel.
        """
        if self.n_sequences:
            with _on(self.device):
                kernel[(self.n_sequences,)](*arguments, self.n_tags, **constants)


def block_of(n_tags: int) -> int:
    """RETURNS (int): The tags that a program has room for."""
    return max(_LEAST_BLOCK, 1 << (n_tags - 1).bit_length())


def room_for(n_tags: int) -> "dict[str, int]":
    """RETURNS (dict[str, int]): Options of kernels that compute tags: for how many they
    have room, and how many warps of 32 threads share the work.
    """
    block = block_of(n_tags)
    n_warps = 1 if block <= _MOST_OF_A_WARP else _N_WARPS
    return {"BLOCK": block, "num_warps": n_warps}


def tokens_at_once() -> "dict[str, int]":
    """RETURNS (dict[str, int]): The same of kernels that compute tokens."""
    return {"TOKENS": _TOKENS_AT_ONCE, "num_warps": 4}


def _on(device: torch.device) -> ContextManager[object]:
    """RETURNS (ContextManager): A context in which kernels are launched there."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()
