"""The lattice: the scores of every tag sequence, and which of them are allowed."""

from dataclasses import dataclass
from typing import Callable, List, NamedTuple, Optional, Tuple

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypeAlias

from . import checks, limits
from .arrays import Array, forbid, like_array, zeros_like
from .tag_set import Constraints

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

    def map(self, function: Callable[[Array], Array]) -> "Potentials":
        """Apply a function to all scores that there are.

        function (Callable[[Array], Array]): The function.
        RETURNS (Potentials): What it returned for each, for the same sequences.
        """
        results = [None if scores is None else function(scores) for scores in self[:-1]]
        return Potentials._make([*results, self.lengths])

    def plus(self, other: "Potentials", factor: float = 1.0) -> "Potentials":
        """Add others, or some times as much.

        other (Potentials): Scores or gradients for the same tags and sequences.
        factor (float): How many times they are added.
        RETURNS (Potentials): Each score plus the factor times the other one.
        RAISES (ValueError): If only one of them has transitions, start or end scores.
        """
        sums: List[Optional[Array]] = []
        for name, own, more in zip(
            self._fields[:-1], self[:-1], other[:-1], strict=True
        ):
            if (own is None) != (more is None):
                raise ValueError(
                    f"Potentials are added up of which only one has {name} scores. Add "
                    "those of one network."
                )
            if factor != 1.0 and more is not None:
                more = factor * more
            sums.append(None if own is None else own + more)
        return Potentials._make([*sums, self.lengths])

    def scaled(self, factor: float) -> "Potentials":
        """RETURNS (Potentials): All scores times a factor."""
        return self.map(lambda scores: scores * factor)

    def divided_by(self, temperature: float) -> "Potentials":
        """RETURNS (Potentials): All scores divided by a temperature: above 1 it makes
        the distribution over paths flatter, and changes no order of paths.
        RAISES (ValueError): If it is not from 1e-6 to 1e6, or scores are no numbers.
        """
        temperature = checks.as_number(temperature, "temperature", 1e-6, 1e6)
        checked = self._replace(
            **{
                name: checks.as_scores(scores, name)
                for name, scores in zip(self._fields[:-1], self[:-1], strict=True)
                if scores is not None
            }
        )
        with np.errstate(over="ignore"):  # of large negative numbers, to -inf
            return checked.map(lambda scores: scores / temperature)


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

    All scores are NumPy arrays, or all are tensors on one device. They are checked
    and kept in single precision, if they were, and else in double.

    emissions (Array): [N, K]
    transitions (Array): [K, K]
    start (Array): [K]
    end (Array): [K]
    lengths (NDArray[int]): [B]; a copy that cannot be written to.
    """

    emissions: Array
    transitions: Array
    start: Array
    end: Array
    lengths: Lengths

    def __post_init__(self) -> None:
        """Check shapes and scores.

        RAISES (ValueError): If shapes do not fit or a score is NaN, `+inf` or above
            a million.
        """
        checked = checks.lattice_arrays(
            self.emissions, self.transitions, self.start, self.end, self.lengths
        )
        self.__dict__.update(zip(Potentials._fields, checked, strict=True))

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
        RAISES (ValueError): If shapes do not fit or a score is NaN, `+inf` or above
            a million.
        """
        if not isinstance(potentials, Potentials):
            raise ValueError(f"A lattice is built from Potentials, not {potentials!r}.")
        emissions, transitions, start, end, lengths = potentials
        if transitions is None and start is None and end is None:
            emissions = checks.as_emissions(emissions)
            n_tags = emissions.shape[1]
            transitions = zeros_like(emissions, (n_tags, n_tags))
            start = end = zeros_like(emissions, (n_tags,))
        elif transitions is None or start is None or end is None:
            raise ValueError(
                "Give all of transition, start and end scores, or none of them."
            )
        emissions, transitions, start, end, lengths = checks.lattice_arrays(
            emissions, transitions, start, end, lengths
        )
        if constraints is not None:
            _require_constraints(constraints, emissions.shape[1])
            transitions = forbid(transitions, constraints.transitions)
            start = forbid(start, constraints.start)
            end = forbid(end, constraints.end)
        if allowed is not None:
            emissions = forbid(emissions, _as_allowed(allowed, emissions))
        return _trusted(emissions, transitions, start, end, lengths)

    def _with(self, **changes: Array) -> "Lattice":
        """RETURNS (Lattice): One with changes that need no check."""
        lattice = object.__new__(Lattice)
        lattice.__dict__.update(self.__dict__)
        lattice.__dict__.update(changes)
        return lattice

    def restrict(self, allowed: NDArray[np.bool_]) -> "Lattice":
        """Forbid tags at tokens.

        allowed (NDArray[bool]): The tags that stay allowed at each token, [N, K].
        RETURNS (Lattice): A lattice with the paths that remain.
        RAISES (ValueError): If the shape differs from that of the emissions, or the
            mask is not boolean.
        """
        mask = _as_allowed(allowed, self.emissions)
        return self._with(emissions=forbid(self.emissions, mask))

    def add_scores(self, scores: Array) -> "Lattice":
        """Add to the scores of tags at tokens. What is forbidden stays so.

        scores (Array): What is added, [N, K].
        RETURNS (Lattice): A lattice with the sums.
        RAISES (ValueError): If the shape differs from that of the emissions, or a sum
            is NaN, `+inf` or above a million.
        """
        added = checks.as_scores(scores, "added")
        if tuple(added.shape) != tuple(self.emissions.shape):
            raise ValueError(
                f"Added scores have shape {tuple(added.shape)}, the emissions have "
                f"{tuple(self.emissions.shape)}."
            )
        # Two large negative numbers add up to -inf, and -inf and +inf to NaN.
        with np.errstate(over="ignore", invalid="ignore"):
            emissions = self.emissions + like_array(added, self.emissions)
        limits.require_bounded(emissions, "emissions")
        return self._with(emissions=emissions)

    def select(self, sequences: NDArray[np.int64]) -> "Lattice":
        """Take some sequences.

        sequences (NDArray[int]): Their numbers, which may come several times.
        RETURNS (Lattice): The lattice of these.
        RAISES (ValueError): For a number that is no sequence's.
        """
        numbers = checks.as_indices(sequences, "sequences", len(self.lengths))
        lengths = self.lengths[numbers]
        lengths.setflags(write=False)
        first = offsets_of(lengths)[:-1]
        rows = np.repeat(offsets_of(self.lengths)[numbers] - first, lengths)
        rows += np.arange(len(rows))
        return self._with(emissions=self.emissions[rows], lengths=lengths)

    @property
    def n_tags(self) -> int:
        """RETURNS (int): The number of tags, K."""
        return int(self.emissions.shape[1])

    @property
    def potentials(self) -> Potentials:
        """RETURNS (Potentials): All scores, and the lengths."""
        return Potentials(
            self.emissions, self.transitions, self.start, self.end, self.lengths
        )

    @property
    def scores(self) -> Tuple[Array, Array, Array, Array]:
        """RETURNS (Tuple): Emissions, transitions, start and end scores."""
        return self.emissions, self.transitions, self.start, self.end

    def without_faint(self) -> "Lattice":
        """RETURNS (Lattice): The lattice with `-inf` for scores that are as good as
        that, for recursions that take differences of such scores.
        """
        return _trusted(
            *self.potentials.map(lambda each: forbid(each, each >= limits.FAINT))
        )


def _trusted(
    emissions: Array, transitions: Array, start: Array, end: Array, lengths: Lengths
) -> Lattice:
    """RETURNS (Lattice): One of what has been checked already."""
    lattice = object.__new__(Lattice)
    lattice.__dict__.update(
        emissions=emissions,
        transitions=transitions,
        start=start,
        end=end,
        lengths=lengths,
    )
    return lattice


def _require_constraints(constraints: Constraints, n_tags: int) -> None:
    if not isinstance(constraints, Constraints):
        raise ValueError(f"Constraints are needed, not {constraints!r}.")
    if len(constraints.start) != n_tags:
        raise ValueError(
            f"The constraints are for {len(constraints.start)} tags, but the "
            f"scores for {n_tags}."
        )


def _as_allowed(allowed: Array, emissions: Array) -> Array:
    return checks.as_mask(allowed, "Mask of allowed tags", emissions.shape)


def offsets_of(lengths: Lengths) -> Lengths:
    """RETURNS (NDArray[int]): First row of each sequence, and the number of rows,
    [B + 1].
    """
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets
