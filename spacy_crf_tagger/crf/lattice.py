"""The lattice: the scores of every tag sequence, and which of them are allowed."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Optional, Sequence, Union

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypeAlias

from .scheme import Constraints

# A numpy.ndarray or a torch.Tensor; all arrays of one lattice are of one kind.
Array: TypeAlias = Any
Lengths: TypeAlias = NDArray[np.int64]


class Potentials(NamedTuple):
    """Unnormalised log potentials of a ragged batch, or the gradients of a loss.

    emissions (Array): Score of each tag at each token, [N, K].
    transitions (Optional[Array]): Score of tag j after tag i, [K, K].
    start (Optional[Array]): Score of each tag as the first of a sequence, [K].
    end (Optional[Array]): Score of each tag as the last of a sequence, [K].
    lengths (NDArray[int]): Tokens of each sequence, [B]; they add up to N.

    Without transitions (all three `None`) the tags of a sequence are independent of
    each other: a softmax at each token.
    """

    emissions: Array
    transitions: Optional[Array]
    start: Optional[Array]
    end: Optional[Array]
    lengths: Lengths

    def divided_by(self, temperature: float) -> "Potentials":
        """RETURNS (Potentials): All scores divided by a temperature: above 1 it makes
        the distribution over paths flatter, and changes no order of paths.
        """
        divided = [None if s is None else s / temperature for s in self[:-1]]
        return Potentials._make([*divided, self.lengths])


class Marginals(NamedTuple):
    """What forward-backward finds out about a lattice.

    log_z (Array): Log partition function of each sequence, [B]; `-inf` where every
        path is forbidden. Zero for an empty sequence, which has one empty path.
    tags (Array): Probability of each tag at each token, [N, K]; a token's sum to 1.
        In the precision of the emissions, if that is single or double.
    transitions (Array): Expected number of times that tag j follows tag i, [K, K].
    start (Array): Expected number of sequences that start with each tag, [K].
    end (Array): Expected number of sequences that end with each tag, [K].
    """

    log_z: Array
    tags: Array
    transitions: Array
    start: Array
    end: Array


class ViterbiPaths(NamedTuple):
    """The best path of each sequence.

    tags (Array): The tags of the best paths, end to end, [N].
    scores (Array): The score of each best path, [B].
    """

    tags: Array
    scores: Array


class TagPosterior(NamedTuple):
    """The distribution over paths as a Markov chain, as far as it was asked for.

    tags (Array): Probability of each tag at each token, float64, [N, K].
    conditionals (Array): Probability of the second tag of each pair at a token, given
        the first one at the token before, float64, [N, P]. Zero at the first token of
        a sequence and where the first tag is impossible.
    """

    tags: Array
    conditionals: Array


class Expectation(NamedTuple):
    """An expectation over the paths of a lattice, and how it depends on the scores.

    values (Array): The expectation for each sequence, [B].
    gradients (Potentials): Gradients of the sum of the values.
    """

    values: Array
    gradients: Potentials


@dataclass(frozen=True)
class Lattice:
    """All paths through a ragged batch of sequences. A path is forbidden where it
    meets a score of `-inf`; there is no finite stand-in for that.

    emissions (Array): [N, K]
    transitions (Array): [K, K]
    start (Array): [K]
    end (Array): [K]
    lengths (NDArray[int]): [B]
    """

    emissions: Array
    transitions: Array
    start: Array
    end: Array
    lengths: Lengths

    @classmethod
    def build(
        cls,
        potentials: Potentials,
        constraints: Optional[Constraints] = None,
        allowed: Optional[NDArray[np.bool_]] = None,
    ) -> "Lattice":
        """Build a lattice from the scores of a network.

        potentials (Potentials): The scores.
        constraints (Optional[Constraints]): The tag sequences that are allowed;
            all, if None.
        allowed (Optional[NDArray[bool]]): The tags that are allowed at each token,
            [N, K]; all, if None.
        RETURNS (Lattice): The lattice.
        RAISES (ValueError): If shapes do not fit or a score is NaN or `+inf`.
        """
        emissions = potentials.emissions
        if potentials.transitions is None:
            n_tags = emissions.shape[1]
            transitions = zeros_like(emissions, (n_tags, n_tags))
            start = end = zeros_like(emissions, (n_tags,))
        else:
            transitions = potentials.transitions
            start, end = potentials.start, potentials.end
        lengths = as_lengths(potentials.lengths)
        lattice = cls(emissions, transitions, start, end, lengths)
        lattice.validate()
        if constraints is not None:
            lattice = cls(
                emissions,
                _forbid(transitions, constraints.transitions),
                _forbid(start, constraints.start),
                _forbid(end, constraints.end),
                lengths,
            )
        return lattice if allowed is None else lattice.restrict(allowed)

    def restrict(self, allowed: NDArray[np.bool_]) -> "Lattice":
        """Forbid tags at tokens.

        allowed (NDArray[bool]): The tags that stay allowed at each token, [N, K].
        RETURNS (Lattice): A lattice with the paths that remain.
        RAISES (ValueError): If the shape differs from that of the emissions.
        """
        if tuple(allowed.shape) != tuple(self.emissions.shape):
            raise ValueError(
                f"Mask of allowed tags has shape {tuple(allowed.shape)}, the "
                f"emissions have {tuple(self.emissions.shape)}."
            )
        return replace(self, emissions=_forbid(self.emissions, allowed))

    def add_scores(self, scores: NDArray[np.float32]) -> "Lattice":
        """Add to the scores of tags at tokens.

        scores (NDArray[float]): What is added, [N, K].
        RETURNS (Lattice): A lattice with the sums.
        """
        if isinstance(self.emissions, np.ndarray):
            return replace(self, emissions=self.emissions + scores)
        import torch

        added = torch.from_numpy(scores).to(self.emissions.device)
        return replace(self, emissions=self.emissions + added)

    def select(self, sequences: NDArray[np.int64]) -> "Lattice":
        """RETURNS (Lattice): The lattice of some sequences, given by their numbers."""
        offsets = offsets_of(self.lengths)
        rows = [np.arange(offsets[n], offsets[n + 1]) for n in sequences.tolist()]
        emissions = self.emissions[np.concatenate([offsets[:0], *rows])]
        return replace(self, emissions=emissions, lengths=self.lengths[sequences])

    @property
    def n_tags(self) -> int:
        """RETURNS (int): The number of tags, K."""
        return int(self.emissions.shape[1])

    def validate(self) -> None:
        """Check shapes and scores.

        RAISES (ValueError): If shapes do not fit or a score is NaN or `+inf`.
        """
        if self.emissions.ndim != 2 or self.emissions.shape[1] == 0:
            raise ValueError(
                "Emissions must have one row for each token and one column for each "
                f"tag, but their shape is {tuple(self.emissions.shape)}."
            )
        n_tokens, n_tags = self.emissions.shape
        total = int(self.lengths.sum())
        if total != n_tokens or self.lengths.min(initial=0) < 0:
            raise ValueError(
                f"Lengths {self.lengths.tolist()[:10]} (sum {total}) "
                f"do not add up to the {n_tokens} rows of the emissions."
            )
        for name, shape in (
            ("transitions", (n_tags, n_tags)),
            ("start", (n_tags,)),
            ("end", (n_tags,)),
        ):
            if tuple(getattr(self, name).shape) != shape:
                raise ValueError(
                    f"CRF {name} scores must have shape {shape}, not "
                    f"{tuple(getattr(self, name).shape)}."
                )
        for name in ("emissions", "transitions", "start", "end"):
            scores = getattr(self, name)
            # The maximum is NaN if any score is: one pass, no temporary array.
            if 0 not in scores.shape and not bool(scores.max() < np.inf):
                raise ValueError(
                    f"CRF {name} scores contain NaN or +inf. If this happens in "
                    "training, lower the learning rate or clip gradients; in "
                    "prediction, the weights are damaged."
                )


def as_lengths(lengths: Union[Sequence[int], Lengths]) -> Lengths:
    """Bring the lengths of sequences into the form that kernels expect.

    lengths (Sequence[int]): Tokens of each sequence.
    RETURNS (NDArray[int]): The lengths, [B].
    """
    return np.asarray(lengths, dtype=np.int64).reshape(-1)


def offsets_of(lengths: Lengths) -> Lengths:
    """RETURNS (NDArray[int]): First row of each sequence, and the number of rows,
    [B + 1].
    """
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def to_numpy(array: Array) -> Any:
    """RETURNS (NDArray): The same numbers as a NumPy array."""
    return array if isinstance(array, np.ndarray) else array.cpu().numpy()


def zeros_like(array: Array, shape: Sequence[int]) -> Array:
    """RETURNS (Array): Zeros of the kind and precision of another array."""
    if isinstance(array, np.ndarray):
        return np.zeros(shape, dtype=array.dtype)
    return array.new_zeros(shape)


def add_rows(
    array: Array, rows: Lengths, values: Array, factors: NDArray[np.float64]
) -> Array:
    """Add to rows of an array, some of which may be named several times.

    array (Array): The array, [N, K]. It is changed.
    rows (NDArray[int]): The row to add to, for each row of the values, [R].
    values (Array): What is added, [R, K].
    factors (NDArray[float]): What it is multiplied by, [R, 1].
    RETURNS (Array): The array.
    """
    if isinstance(array, np.ndarray):
        np.add.at(array, rows, (values * factors).astype(array.dtype))
        return array
    import torch

    weighted = values * torch.as_tensor(factors, device=array.device)
    index = torch.as_tensor(rows, device=array.device)
    return array.index_add_(0, index, weighted.to(array.dtype))


def _forbid(scores: Array, allowed: NDArray[np.bool_]) -> Array:
    if isinstance(scores, np.ndarray):
        return np.where(allowed, scores, -np.inf).astype(scores.dtype, copy=False)
    import torch

    mask = torch.from_numpy(np.array(allowed)).to(scores.device)
    return scores.masked_fill(~mask, -np.inf)
