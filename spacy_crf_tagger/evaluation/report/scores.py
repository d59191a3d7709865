"""Precision, recall and F of labels and groups, and how certain they are."""

from array import array
from bisect import bisect_right
from collections import defaultdict
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from ..bootstrap import Floats, f_score, interval, paired_bootstrap, resampled_totals

Bounds = Tuple[float, float]
Counts = Tuple[int, int, int]  # right, predicted, annotated


class Score(NamedTuple):
    """How well something is predicted.

    name (str): What it is.
    right (int): How many are right.
    predicted (int): How many are predicted.
    gold (int): How many are annotated.
    precision (Optional[float]): The share of what is predicted that is right.
    recall (Optional[float]): The share of what is annotated that is found.
    f (Optional[float]): Their harmonic mean.
    precision_bounds (Optional[Tuple[float, float]]): Between which bounds the precision
        of 95 % of the test sets lies that a bootstrap draws; None if it is not known.
    recall_bounds (Optional[Tuple[float, float]]): The same of the recall.
    f_bounds (Optional[Tuple[float, float]]): The same of F.
    """

    name: str
    right: int
    predicted: int
    gold: int
    precision: Optional[float]
    recall: Optional[float]
    f: Optional[float]
    precision_bounds: Optional[Bounds] = None
    recall_bounds: Optional[Bounds] = None
    f_bounds: Optional[Bounds] = None


class Comparison(NamedTuple):
    """Whether one pipeline is better than another.

    f (float): By how much its F is higher.
    f_bounds (Optional[Tuple[float, float]]): Between which bounds the difference lies
        in 95 % of the test sets that a bootstrap draws.
    p_value (float): How often a difference at least as large is drawn if there is none.
    """

    f: float
    f_bounds: Optional[Bounds]
    p_value: float


def make_score(name: str, counts: Sequence[int]) -> Score:
    """Compute the scores of counts.

    name (str): What is counted.
    counts (Sequence[int]): How many are right, predicted and annotated.
    RETURNS (Score): The scores.
    """
    right, predicted, gold = (int(count) for count in counts)
    return Score(
        name,
        *(right, predicted, gold),
        right / predicted if predicted else None,
        right / gold if gold else None,
        2 * right / (predicted + gold) if predicted + gold else None,
    )


class DocumentCounts:
    """How many of each label are right, predicted and annotated in each document. It
    takes some bytes for each document and label.
    """

    def __init__(self) -> None:
        self.labels: Dict[str, int] = {}
        self.n_documents = 0
        self._rows = array("q")

    def add(self, counts: Dict[str, List[int]]) -> None:
        """Add a document.

        counts (Dict[str, List[int]]): What is right, predicted and annotated in it, by
            label.
        """
        for label, own in counts.items():
            number = self.labels.setdefault(label, len(self.labels))
            self._rows.extend((self.n_documents, number, *own))
        self.n_documents += 1

    @property
    def rows(self) -> NDArray[np.int64]:
        """RETURNS (NDArray[int]): Document, label and counts, [R, 5]."""
        return np.array(self._rows, np.int64).reshape(-1, 5)

    @property
    def totals(self) -> Dict[str, Counts]:
        """RETURNS (Dict[str, Tuple[int, int, int]]): What is right, predicted and
        annotated, by label.
        """
        sums = np.zeros((len(self.labels), 3), np.int64)
        rows = self.rows
        np.add.at(sums, rows[:, 1], rows[:, 2:])
        numbers = {label: sums[n].tolist() for label, n in self.labels.items()}
        return {label: (a, b, c) for label, (a, b, c) in sorted(numbers.items())}

    def draw(self, n_samples: int) -> Floats:
        """Draw test sets.

        n_samples (int): How many. The same number draws the same documents.
        RETURNS (NDArray[float64]): The totals of each label in each, [S, L, 3].
        """
        rows = self.rows
        shape = (self.n_documents, len(self.labels))
        return resampled_totals(rows[:, 0], rows[:, 1], rows[:, 2:], shape, n_samples)

    def by_document(self) -> NDArray[np.int64]:
        """RETURNS (NDArray[int]): The counts of each document, [D, 3]."""
        sums = np.zeros((self.n_documents, 3), np.int64)
        rows = self.rows
        np.add.at(sums, rows[:, 0], rows[:, 2:])
        return sums


def score_labels(
    counts: DocumentCounts, n_samples: int
) -> Tuple[Score, List[Score], Floats]:
    """Compute the scores of all labels, with their bounds.

    counts (DocumentCounts): The documents.
    n_samples (int): How many test sets to draw.
    RETURNS (Tuple[Score, List[Score], NDArray[float64]]): The scores of all labels
        together and of each one, and the drawn F of all together, [S].
    """
    drawn = counts.draw(n_samples)
    totals = counts.totals
    together = [sum(column) for column in zip(*totals.values(), strict=True)] or [0] * 3
    all_drawn = drawn.sum(1)
    few = counts.n_documents < 2
    overall = make_score("all", together)
    labels = [make_score(label, own) for label, own in totals.items()]
    if not few:
        overall = _with_bounds(overall, all_drawn)
        labels = [
            _with_bounds(score, drawn[:, counts.labels[score.name]]) for score in labels
        ]
    return overall, labels, f_score(all_drawn)


def compare_counts(
    ours: DocumentCounts, theirs: DocumentCounts, drawn: Tuple[Floats, Floats]
) -> Comparison:
    """Compare two pipelines on the same documents.

    ours (DocumentCounts): The one.
    theirs (DocumentCounts): The other, with the same documents.
    drawn (Tuple[NDArray[float64], NDArray[float64]]): The F of both on the same drawn
        test sets, [S].
    RETURNS (Comparison): The comparison.
    """
    of_ours, of_theirs = ours.by_document(), theirs.by_document()
    change = float(f_score(of_ours.sum(0)) - f_score(of_theirs.sum(0)))
    bounds = interval(drawn[0] - drawn[1]) if ours.n_documents > 1 else None
    p_value = paired_bootstrap(of_ours[None], of_theirs[None], len(drawn[0]))
    return Comparison(change, bounds, p_value)


class Tallies:
    """Counts of groups of annotations and predictions, in an order of their own."""

    def __init__(self) -> None:
        self._counts: Dict[Tuple[int, str], List[int]] = defaultdict(lambda: [0, 0, 0])

    def add(
        self, group: Tuple[int, str], right: int, predicted: int, gold: int
    ) -> None:
        """Count.

        group (Tuple[int, str]): What to order the group by, and its name.
        right (int): How many are right.
        predicted (int): How many are predicted.
        gold (int): How many are annotated.
        """
        counts = self._counts[group]
        counts[0] += right
        counts[1] += predicted
        counts[2] += gold

    def scores(self) -> List[Score]:
        """RETURNS (List[Score]): The scores of each group."""
        return [
            make_score(name, own) for (_, name), own in sorted(self._counts.items())
        ]


def bin_of(value: int, starts: Sequence[int], unit: str) -> Tuple[int, str]:
    """Find the group of a number.

    value (int): The number.
    starts (Sequence[int]): The lowest number of each group, in their order.
    unit (str): What one of what is counted is called.
    RETURNS (Tuple[int, str]): The number of the group, and its name.
    """
    number = bisect_right(starts, value) - 1
    low = starts[number]
    if number + 1 == len(starts):
        return number, f"{low:,} or more {unit}s"
    high = starts[number + 1] - 1
    if low == high:
        return number, f"{low:,} {unit}" if low == 1 else f"{low:,} {unit}s"
    return number, f"{low:,}–{high:,} {unit}s"


def _with_bounds(score: Score, drawn: Floats) -> Score:
    """Add bounds to a score.

    drawn (NDArray[float64]): The totals in each drawn test set, [S, 3].
    """
    right, predicted, gold = drawn.T
    return score._replace(
        precision_bounds=_ratio_bounds(right, predicted),
        recall_bounds=_ratio_bounds(right, gold),
        f_bounds=_ratio_bounds(2 * right, predicted + gold),
    )


def _ratio_bounds(above: Floats, below: Floats) -> Optional[Bounds]:
    """Test sets in which there is nothing to divide by say nothing."""
    has_any = below > 0
    if not has_any.any():
        return None
    return interval(above[has_any] / below[has_any])
