"""Errors, grouped by what they are about."""

from collections import Counter
from typing import Callable, Dict, List, NamedTuple, Optional

from .sentences import Sentence

_MOST_SENTENCES = 5  # of a group
_MOST_KEPT = 20_000  # in all


class ErrorKey(NamedTuple):
    """What errors of a group have in common.

    kind (str): What is wrong.
    text (str): What is annotated, or what is predicted where nothing is annotated.
    gold (str): The annotated label, or nothing.
    predicted (str): The predicted label, or nothing.
    """

    kind: str
    text: str
    gold: str
    predicted: str


class ErrorGroup(NamedTuple):
    """Errors that have something in common.

    kind (str): What is wrong.
    text (str): What is annotated, or what is predicted where nothing is annotated.
    gold (str): The annotated label, or nothing.
    predicted (str): The predicted label, or nothing.
    times (int): How many errors there are.
    probability (Optional[float]): The mean probability of what is predicted, or else of
        what is missed, as far as it is known.
    sentences (List[Sentence]): The first of them.
    """

    kind: str
    text: str
    gold: str
    predicted: str
    times: int
    probability: Optional[float]
    sentences: List[Sentence]


class Errors(NamedTuple):
    """All errors.

    times (Dict[str, int]): How many there are of each kind.
    groups (List[ErrorGroup]): The errors, in groups, the largest first.
    """

    times: Dict[str, int]
    groups: List[ErrorGroup]


class ErrorLog:
    """Collects errors. It grows with the number of different ones."""

    def __init__(self) -> None:
        self._times: Counter[ErrorKey] = Counter()
        self._sentences: Dict[ErrorKey, List[Sentence]] = {}
        self._probabilities: Dict[ErrorKey, List[float]] = {}  # their sum and number
        self._n_kept = 0

    def add(
        self,
        key: ErrorKey,
        probability: Optional[float],
        make_sentence: Callable[[], Sentence],
    ) -> None:
        """Add an error.

        key (ErrorKey): What it is about.
        probability (Optional[float]): How probable what is predicted or missed is.
        make_sentence (Callable[[], Sentence]): Cuts out its sentence.
        """
        self._times[key] += 1
        if probability is not None:
            sums = self._probabilities.setdefault(key, [0.0, 0.0])
            sums[0] += probability
            sums[1] += 1.0
        sentences = self._sentences.setdefault(key, [])
        if len(sentences) < _MOST_SENTENCES and self._n_kept < _MOST_KEPT:
            sentences.append(make_sentence())
            self._n_kept += 1

    def finish(self) -> Errors:
        """RETURNS (Errors): All errors."""
        by_kind: Counter[str] = Counter()
        for key, times in self._times.items():
            by_kind[key.kind] += times
        groups = [
            ErrorGroup(*key, times, self._mean(key), self._sentences[key])
            # Those that are as frequent stay in the order of the text.
            for key, times in self._times.most_common()
        ]
        return Errors(dict(by_kind.most_common()), groups)

    def _mean(self, key: ErrorKey) -> Optional[float]:
        if key not in self._probabilities:
            return None
        total, number = self._probabilities[key]
        return total / number
