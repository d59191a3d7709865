"""Conformal risk control: floors of probability below which little is missed."""

import math
from typing import List, NamedTuple, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Floors are rounded down to as many decimals, which `to_disk` keeps.
_DECIMALS = 6
_STEP = 10.0**-_DECIMALS


class ControlledFloor(NamedTuple):
    """A floor of probability, and what follows for documents that are exchangeable with
    those that it was found on.

    floor (float): Spans that are more probable are candidates.
    n_docs (int): The documents with annotated entities that it was found on.
    n_entities (int): Their annotated entities.
    n_missed (int): Those of them that are no candidates.
    bound (float): The bound on the expected share of missed entities, which is as close
        to what was asked for as these documents allow.
    """

    floor: float
    n_docs: int
    n_entities: int
    n_missed: int
    bound: float


class UncontrollableError(ValueError):
    """No floor keeps the promise; the message says why, and what to do."""


def control_floor(
    probabilities: Sequence[Floats],
    miss_rate: float,
    *,
    least_floor: float,
    most_entities: Optional[int] = None,
) -> ControlledFloor:
    """Find the highest floor for which the expected share of missed entities is at most
    a miss rate, for documents that are exchangeable with the given ones: conformal risk
    control (Angelopoulos et al. 2022, "Conformal risk control"). A missed entity is one
    that is not above the floor. With W(floor) the sum of the weights of what is missed
    and B the most that one document can add to it, the floor satisfies

        (W(floor) + B) / (total weight + B) ≤ miss rate.

    By default an entity weighs 1 / (entities of its document), so that B is 1 and the
    promise is about the mean over documents of the share that each of them misses: it
    is n / (n + 1) · mean loss + 1 / (n + 1) ≤ miss rate. With `most_entities` each
    entity weighs 1, B is that number, and the promise is about the ratio of expected
    missed entities to expected entities; it follows from the same theorem for the loss
    missed − miss rate · entities, which is at most (1 − miss rate) · B.

    Documents without entities have no share, and do not count: the promise is about
    documents with entities. It holds all the more for all documents.

    probabilities (Sequence[NDArray[float]]): The probabilities of the annotated
        entities of each document; 0 for those that can be no candidates.
    miss_rate (float): The share, above 0 and below 1.
    least_floor (float): The lowest floor that is possible, 0.000001 at least.
    most_entities (Optional[int]): The most entities that any document can have, for a
        promise about entities in place of documents. It must not come from these
        documents.
    RETURNS (ControlledFloor): The floor.
    RAISES (ValueError): If the rate or a number is out of range, or a document has more
        than `most_entities`.
    RAISES (UncontrollableError): If there are too few documents, or too many entities
        are not above the lowest floor.
    """
    if not 0.0 < miss_rate < 1.0:
        raise ValueError(
            f"The miss rate must be above 0 and below 1, not {miss_rate:g}."
        )
    if not _STEP <= least_floor < 1.0:
        raise ValueError(
            f"The least floor must be at least {_STEP:g} and below 1, not "
            f"{least_floor:g}: floors have {_DECIMALS} decimals."
        )
    with_entities = [each for each in probabilities if len(each)]
    weights = _weights(with_entities, most_entities)
    most = 1.0 if most_entities is None else float(most_entities)
    order = np.argsort(_joined(with_entities), kind="stable")
    ascending, weight = _joined(with_entities)[order], _joined(weights)[order]
    total = float(weight.sum())
    # Rounding errors of a sum must not decide where it is exactly what is allowed.
    allowed = miss_rate * (total + most) - most + 1e-9
    if allowed < 0:
        n_there = len(with_entities) if most_entities is None else int(total)
        raise UncontrollableError(_too_few(n_there, most_entities, miss_rate))
    below = np.concatenate([[0.0], np.cumsum(weight)[:-1]])  # the weight before each
    # Of equal probabilities all are above a floor or none, so that the first counts.
    first = np.searchsorted(ascending, ascending)
    floor = _round_below(float(ascending[below[first] <= allowed].max()))

    def bound_at(floor: float) -> float:
        missed = float(weight[ascending <= floor].sum())
        return (missed + most) / (total + most)

    if floor < least_floor:
        reachable = math.ceil(bound_at(least_floor) * 1000) / 1000
        raise UncontrollableError(
            f"{int((ascending <= least_floor).sum())} of {len(ascending)} entities are "
            f"no more probable than {least_floor:g}, below which no span is looked at: "
            f"no miss rate below {reachable:.3f} can be promised. Ask for a larger "
            "one, lower --least-floor, or train on documents that are more like these, "
            "with these labels."
        )
    n_missed = int((ascending <= floor).sum())
    return ControlledFloor(
        floor, len(with_entities), len(ascending), n_missed, bound_at(floor)
    )


def _weights(
    probabilities: Sequence[Floats], most_entities: Optional[int]
) -> List[Floats]:
    if most_entities is None:
        return [np.full(len(each), 1.0 / len(each)) for each in probabilities]
    largest = max(map(len, probabilities), default=0)
    if largest > most_entities:
        raise ValueError(
            f"a document has {largest} entities, and the most that one can have is "
            f"said to be {most_entities}. Name the most that any document will have."
        )
    return [np.ones(len(each)) for each in probabilities]


def _too_few(n_there: int, most_entities: Optional[int], miss_rate: float) -> str:
    most = 1 if most_entities is None else most_entities
    needed = math.ceil(most * (1.0 / miss_rate - 1.0) - 1e-9)
    advice = "Annotate more, or ask for a larger miss rate."
    if most_entities is None:
        return (
            f"to promise a miss rate of {miss_rate:g}, {needed} documents with "
            f"entities are needed, and there are {n_there}. {advice}"
        )
    return (
        f"to promise a miss rate of {miss_rate:g} of all entities, where a document "
        f"can have {most}, {needed} entities are needed, and there are {n_there}. "
        f"{advice}"
    )


def _round_below(probability: float) -> float:
    """RETURNS (float): A number with few decimals that is less than a probability."""
    floor = round((math.ceil(probability / _STEP) - 1) * _STEP, _DECIMALS)
    # Saving may change its last digits.
    return floor if floor < probability - 1e-9 else round(floor - _STEP, _DECIMALS)


def _joined(arrays: Sequence[Floats]) -> Floats:
    return np.concatenate([np.zeros(0), *arrays])
