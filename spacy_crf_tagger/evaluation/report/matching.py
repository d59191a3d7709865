"""Which prediction is meant for which annotation, and what is wrong with it: the error
types of MUC (Chinchor and Sundheim 1993, "MUC-5 evaluation metrics"), as SemEval 2013
task 9 counts them (Segura-Bedmar, Martínez and Herrero-Zazo 2013).
"""

from bisect import bisect_left, bisect_right
from enum import Enum
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set

from .outcomes import Unit

# How strictly predictions are judged.
SCHEMES = ("strict", "exact", "partial", "ent_type")


class Kind(str, Enum):
    """What is wrong with a prediction, or with an annotation that has none."""

    missed = "missed"
    spurious = "spurious"
    label = "wrong label"
    border = "wrong border"
    both = "wrong label and border"


class Pair(NamedTuple):
    """A prediction and the annotation that it is meant for.

    gold (Optional[int]): Number of the annotation; None if the prediction is spurious.
    predicted (Optional[int]): Number of the prediction; None if the annotation is
        missed.
    """

    gold: Optional[int]
    predicted: Optional[int]


class MucCounts(NamedTuple):
    """How predictions are judged under one scheme.

    correct (int): Those that are right.
    incorrect (int): Those that are meant for an annotation, and wrong.
    partial (int): Those that overlap an annotation, where the scheme gives half a point
        for that.
    missed (int): Annotations that no prediction is meant for.
    spurious (int): Predictions that are meant for no annotation.
    """

    correct: int = 0
    incorrect: int = 0
    partial: int = 0
    missed: int = 0
    spurious: int = 0

    def plus(self, other: "MucCounts") -> "MucCounts":
        """RETURNS (MucCounts): The sum of both."""
        return MucCounts(*(a + b for a, b in zip(self, other, strict=True)))

    @property
    def precision(self) -> float:
        """RETURNS (float): Points for each prediction."""
        return self._points / max(sum(self) - self.missed, 1)

    @property
    def recall(self) -> float:
        """RETURNS (float): Points for each annotation."""
        return self._points / max(sum(self) - self.spurious, 1)

    @property
    def f(self) -> float:
        """RETURNS (float): The harmonic mean of both."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    @property
    def _points(self) -> float:
        return self.correct + self.partial / 2


def pair_up(gold: Sequence[Unit], predicted: Sequence[Unit]) -> List[Pair]:
    """Find the annotation that each prediction is meant for: the same span, or else the
    first one that it overlaps and that no other prediction has got.

    gold (Sequence[Unit]): What is annotated, in the order of the text, without
        overlap.
    predicted (Sequence[Unit]): What is predicted, in the order of the text.
    RETURNS (List[Pair]): A pair for each prediction in their order, and one for each
        annotation that is missed.
    """
    wholes = {unit: n for n, unit in enumerate(gold)}
    borders = {(unit.start, unit.end): n for n, unit in enumerate(gold)}
    of_prediction: Dict[int, int] = {}
    taken: Set[int] = set()

    def give(number: int, found: Optional[int]) -> None:
        if found is not None and found not in taken and number not in of_prediction:
            of_prediction[number] = found
            taken.add(found)

    for number, unit in enumerate(predicted):
        give(number, wholes.get(unit))
    for number, unit in enumerate(predicted):
        give(number, borders.get((unit.start, unit.end)))
    if len(of_prediction) < len(predicted):
        overlap = _Overlap(gold)
        for number, unit in enumerate(predicted):
            give(number, next(overlap.free(unit, taken), None))
    pairs = [
        Pair(of_prediction.get(number), number) for number in range(len(predicted))
    ]
    return [*pairs, *(Pair(n, None) for n in range(len(gold)) if n not in taken)]


def kind_of(gold: Optional[Unit], predicted: Optional[Unit]) -> Optional[Kind]:
    """Say what is wrong with a pair.

    gold (Optional[Unit]): What is annotated.
    predicted (Optional[Unit]): What is predicted.
    RETURNS (Optional[Kind]): What is wrong; None if nothing is.
    """
    if predicted is None:
        return Kind.missed
    if gold is None:
        return Kind.spurious
    if gold[:2] == predicted[:2]:
        return None if gold.label == predicted.label else Kind.label
    return Kind.border if gold.label == predicted.label else Kind.both


def count_muc(
    gold: Sequence[Unit], predicted: Sequence[Unit], pairs: Iterable[Pair]
) -> Dict[str, MucCounts]:
    """Judge predictions under each scheme.

    gold (Sequence[Unit]): What is annotated, in the order of the text.
    predicted (Sequence[Unit]): What is predicted, in the order of the text.
    pairs (Iterable[Pair]): The result of `pair_up`.
    RETURNS (Dict[str, MucCounts]): The counts by scheme.
    """
    kinds = [
        kind_of(
            None if pair.gold is None else gold[pair.gold],
            None if pair.predicted is None else predicted[pair.predicted],
        )
        for pair in pairs
    ]
    right, label = kinds.count(None), kinds.count(Kind.label)
    off = kinds.count(Kind.border) + kinds.count(Kind.both)
    missed, spurious = kinds.count(Kind.missed), kinds.count(Kind.spurious)
    return {
        "strict": MucCounts(right, label + off, 0, missed, spurious),
        "exact": MucCounts(right + label, off, 0, missed, spurious),
        "partial": MucCounts(right + label, 0, off, missed, spurious),
        "ent_type": _count_types(gold, predicted),
    }


def _count_types(gold: Sequence[Unit], predicted: Sequence[Unit]) -> MucCounts:
    """Judge labels: a prediction is meant for an annotation of its label, if it
    overlaps one.
    """
    overlap = _Overlap(gold)
    taken: Set[int] = set()
    correct = incorrect = 0
    for unit in predicted:
        free = list(overlap.free(unit, taken))
        if not free:
            continue
        same = [n for n in free if gold[n].label == unit.label]
        if same:
            taken.add(min(same, key=lambda n: _distance(gold[n], unit)))
            correct += 1
        else:
            taken.add(free[0])
            incorrect += 1
    missed = len(gold) - len(taken)
    return MucCounts(correct, incorrect, 0, missed, len(predicted) - len(taken))


def _distance(one: Unit, other: Unit) -> int:
    return abs(one.start - other.start) + abs(one.end - other.end)


class _Overlap:
    """Finds annotations that overlap a prediction."""

    def __init__(self, gold: Sequence[Unit]) -> None:
        self._starts = [unit.start for unit in gold]
        self._ends = [unit.end for unit in gold]

    def free(self, unit: Unit, taken: Set[int]) -> Iterator[int]:
        first = bisect_right(self._ends, unit.start)
        last = bisect_left(self._starts, unit.end)
        return (n for n in range(first, last) if n not in taken)
