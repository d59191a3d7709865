"""Count what is right and wrong in documents that pass by."""

from array import array
from collections import Counter
from math import nan
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ..bootstrap import Floats
from ..reliability import Reliability, reliability
from .curves import CurvePoint, precision_recall
from .errors import ErrorKey, ErrorLog
from .forms import Forms, one_line
from .matching import SCHEMES, Kind, MucCounts, Pair, count_muc, kind_of, pair_up
from .model import Breakdown, Confusion, MucScore
from .outcomes import Outcome, Unit
from .scores import (
    DocumentCounts,
    Score,
    Tallies,
    bin_of,
    score_labels,
)
from .sentences import Scored, Sentence, cut_sentence

NOTHING = "nothing"
_OTHERS = "other labels"
_MOST_LABELS = 60  # of a confusion matrix
_ENTITY_LENGTHS = (1, 2, 3, 4, 5)
_DOCUMENT_LENGTHS = (1, 11, 21, 51, 101, 201, 501)
_FREQUENCIES = (0, 1, 10, 100, 1000)


class Judged(NamedTuple):
    """A document whose predictions have been paired with its annotation.

    outcome (Outcome): What is annotated and predicted.
    pairs (List[Pair]): What is meant for what.
    kinds (List[Optional[Kind]]): What is wrong with each pair.
    place (str): Where the document is.
    """

    outcome: Outcome
    pairs: List[Pair]
    kinds: List[Optional[Kind]]
    place: str

    def units(self, pair: Pair) -> Tuple[Optional[Unit], Optional[Unit]]:
        """RETURNS (Tuple[Optional[Unit], Optional[Unit]]): What is annotated, and what
        is predicted.
        """
        gold, predicted = self.outcome.gold, self.outcome.predicted
        return (
            None if pair.gold is None else gold[pair.gold],
            None if pair.predicted is None else predicted[pair.predicted],
        )

    def not_found(self) -> List[int]:
        """RETURNS (List[int]): The numbers of the annotations that are not predicted as
        they are.
        """
        wrong = zip(self.pairs, self.kinds, strict=True)
        return [p.gold for p, kind in wrong if kind is not None and p.gold is not None]


def judge(outcome: Outcome, place: str) -> Judged:
    """Find out what is right and wrong in a document.

    outcome (Outcome): What is annotated and predicted.
    place (str): Where the document is.
    RETURNS (Judged): The same, in pairs.
    """
    pairs = pair_up(outcome.gold, outcome.predicted)
    judged = Judged(outcome, pairs, [], place)
    kinds = [kind_of(*judged.units(pair)) for pair in pairs]
    return judged._replace(kinds=kinds)


class Collector:
    """Counts in documents that pass by. Of these it keeps some numbers, the sentences
    of errors, and two numbers for each prediction with a probability.
    """

    def __init__(self, unit: str, forms: Optional[Forms] = None) -> None:
        """Start with no document.

        unit (str): What is counted, `entity` or `tag`.
        forms (Optional[Forms]): What the pipeline has learned.
        """
        self.unit = unit
        self.counts = DocumentCounts()
        self.errors = ErrorLog()
        self._forms = forms
        self._muc = dict.fromkeys(SCHEMES, MucCounts())
        self._confusion: Counter[Tuple[str, str]] = Counter()
        self._seen, self._lengths, self._documents = Tallies(), Tallies(), Tallies()
        self._probabilities = array("d")  # NaN where there is none
        self._right = array("b")
        self._n_gold = 0
        self._scores: Dict[int, Tuple[Score, List[Score], Floats]] = {}

    def add(
        self, judged: Judged, of_gold: Optional[Mapping[int, float]] = None
    ) -> None:
        """Count a document.

        judged (Judged): The document.
        of_gold (Optional[Mapping[int, float]]): The probability of annotations that are
            not predicted, by their number.
        """
        outcome = judged.outcome
        self._scores.clear()
        if self.unit == "entity":
            own = count_muc(outcome.gold, outcome.predicted, judged.pairs)
            self._muc = {name: own[name].plus(each) for name, each in self._muc.items()}
        self._n_gold += len(outcome.gold)
        by_label: Dict[str, List[int]] = {}
        for pair, kind in zip(judged.pairs, judged.kinds, strict=True):
            gold, predicted = judged.units(pair)
            right = kind is None
            if predicted is not None and pair.predicted is not None:
                self._right.append(right)
                probability = outcome.probabilities[pair.predicted]
                self._probabilities.append(nan if probability is None else probability)
                self._count(predicted, judged, right, 1, 0, by_label)
            if gold is not None:
                # What is right has been counted once.
                self._count(gold, judged, False, 0, 1, by_label)
            names = [NOTHING if u is None else u.label for u in (gold, predicted)]
            self._confusion[names[0], names[1]] += 1
            if kind is not None:
                self._add_error(judged, pair, kind, of_gold or {})
        self.counts.add(by_label)

    def _count(
        self,
        unit: Unit,
        judged: Judged,
        right: bool,
        predicted: int,
        gold: int,
        by_label: Dict[str, List[int]],
    ) -> None:
        counts = by_label.setdefault(unit.label, [0, 0, 0])
        counts[0] += right
        counts[1] += predicted
        counts[2] += gold
        doc = judged.outcome.doc
        length = bin_of(len(doc), _DOCUMENT_LENGTHS, "token")
        self._documents.add(length, right, predicted, gold)
        if self.unit == "entity":
            group = bin_of(unit.end - unit.start, _ENTITY_LENGTHS, "token")
            self._lengths.add(group, right, predicted, gold)
        if self._forms is not None:
            group = self._forms.group_of(_text(judged, unit), unit.label)
            self._seen.add(group, right, predicted, gold)

    def _add_error(
        self, judged: Judged, pair: Pair, kind: Kind, of_gold: Mapping[int, float]
    ) -> None:
        gold, predicted = judged.units(pair)
        meant = gold or predicted
        assert meant is not None
        labels = ["" if unit is None else unit.label for unit in (gold, predicted)]
        key = ErrorKey(kind.value, _text(judged, meant), labels[0], labels[1])
        if pair.predicted is not None:
            probability = judged.outcome.probabilities[pair.predicted]
        else:
            probability = of_gold.get(-1 if pair.gold is None else pair.gold)
        focus = meant
        if gold is not None and predicted is not None:
            start = min(gold.start, predicted.start)
            focus = Unit(start, max(gold.end, predicted.end), "")
        only = pair if self.unit == "tag" else None
        self.errors.add(
            key,
            probability,
            lambda: sentence_around(judged, focus, of_gold, only),
        )

    @property
    def has_any(self) -> bool:
        """RETURNS (bool): Whether there is anything to judge."""
        return bool(self._n_gold or self._right)

    @property
    def n_gold(self) -> int:
        """RETURNS (int): How much is annotated."""
        return self._n_gold

    @property
    def n_predicted(self) -> int:
        """RETURNS (int): How much is predicted."""
        return len(self._right)

    def scores(self, n_samples: int) -> Tuple[Score, List[Score], Floats]:
        """RETURNS (Tuple[Score, List[Score], NDArray[float64]]): The result of
        `score_labels`, which is computed once.
        """
        if n_samples not in self._scores:
            self._scores[n_samples] = score_labels(self.counts, n_samples)
        return self._scores[n_samples]

    def muc(self) -> List[MucScore]:
        """RETURNS (List[MucScore]): The counts of MUC; none for tags."""
        if self.unit == "tag":
            return []
        return [
            MucScore(name, *own, own.precision, own.recall, own.f)
            for name, own in self._muc.items()
        ]

    def confusion(self) -> Confusion:
        """RETURNS (Confusion): Which labels are taken for which. If there are many, the
        most frequent ones are told apart.
        """
        times: Counter[str] = Counter()
        for pair, count in self._confusion.items():
            for name in {*pair} - {NOTHING}:
                times[name] += count
        kept = sorted(name for name, _ in times.most_common(_MOST_LABELS))
        names = [*kept, *([_OTHERS] if len(times) > len(kept) else []), NOTHING]
        if self.unit == "tag" and not any(NOTHING in pair for pair in self._confusion):
            names.remove(NOTHING)
        numbers = {name: n for n, name in enumerate(names)}
        counts = np.zeros((len(names), len(names)), np.int64)
        for (gold, predicted), count in self._confusion.items():
            row, column = (
                numbers.get(name, numbers.get(_OTHERS, 0)) for name in (gold, predicted)
            )
            counts[row, column] += count
        return Confusion(names, list(names), counts.tolist())

    def breakdowns(self) -> List[Breakdown]:
        """RETURNS (List[Breakdown]): Scores of groups."""
        groups = [
            Breakdown(
                "By whether the form was seen in training",
                "Of each annotated and each predicted form.",
                self._seen.scores(),
            ),
            Breakdown("By length", "", self._lengths.scores()),
            Breakdown("By length of the document", "", self._documents.scores()),
            self._by_frequency(),
        ]
        return [group for group in groups if group.rows]

    def _by_frequency(self) -> Breakdown:
        tallies = Tallies()
        totals = self.counts.totals
        for label, counts in totals.items():
            times = counts[2] if self._forms is None else self._forms.labels[label]
            tallies.add(bin_of(times, _FREQUENCIES, "annotation"), *counts)
        where = "these" if self._forms is None else "the training"
        note = f"How often the label is annotated in {where} documents."
        return Breakdown("By frequency of the label", note, tallies.scores())

    def calibration(self) -> Optional[Reliability]:
        """RETURNS (Optional[Reliability]): How probabilities and correctness go
        together; None without probabilities.
        """
        probabilities = np.array(self._probabilities)
        known = ~np.isnan(probabilities)
        if not known.any():
            return None
        return reliability(probabilities[known], np.array(self._right)[known])

    def curve(self) -> List[CurvePoint]:
        """RETURNS (List[CurvePoint]): What a threshold does."""
        probabilities = np.array(self._probabilities)
        return precision_recall(probabilities, np.array(self._right), self._n_gold)


def sentence_around(
    judged: Judged,
    focus: Unit,
    of_gold: Optional[Mapping[int, float]] = None,
    only: Optional[Pair] = None,
) -> Sentence:
    """Cut out the sentence around some tokens.

    judged (Judged): The document.
    focus (Unit): The tokens.
    of_gold (Optional[Mapping[int, float]]): The probability of annotations, by their
        number.
    only (Optional[Pair]): What to mark; None for everything.
    RETURNS (Sentence): The sentence.
    """
    outcome = judged.outcome
    known = of_gold or {}
    gold: Sequence[Scored] = [
        (unit, known.get(n))
        for n, unit in enumerate(outcome.gold)
        if only is None or only.gold == n
    ]
    predicted: Sequence[Scored] = [
        (unit, outcome.probabilities[n])
        for n, unit in enumerate(outcome.predicted)
        if only is None or only.predicted == n
    ]
    place = (focus.start, focus.end)
    return cut_sentence(outcome.doc, judged.place, place, gold, predicted)


def _text(judged: Judged, unit: Unit) -> str:
    return one_line(judged.outcome.doc[unit.start : unit.end].text)
