"""What one pipeline gets right and another does not."""

from collections import Counter
from typing import Dict, List, Optional, Sequence, Set, Tuple

from .collector import Collector, Judged, sentence_around
from .forms import one_line
from .matching import Pair
from .model import Change, Difference
from .outcomes import Unit
from .scores import compare_counts, make_score
from .sentences import Sentence

_MOST_SENTENCES = 3
_MOST_KEPT = 5_000

_Key = Tuple[str, str, str]


class Changes:
    """Collects what two pipelines differ in. It grows with the number of different
    texts that they differ in.
    """

    def __init__(self, ours: str, theirs: str, unit: str) -> None:
        """Start with no document.

        ours (str): The name of the one.
        theirs (str): The name of the other.
        unit (str): What is compared, `entity` or `tag`.
        """
        self.ours = ours
        self.theirs = theirs
        # Tags of other tokens cannot be compared.
        self.are_comparable = True
        self._unit = unit
        self._times: Counter[_Key] = Counter()
        self._sentences: Dict[_Key, List[Tuple[Sentence, Sentence]]] = {}
        self._n_kept = 0

    def add(
        self, ours: Sequence[Optional[Judged]], theirs: Sequence[Optional[Judged]]
    ) -> None:
        """Compare what both have found in documents.

        ours (Sequence[Optional[Judged]]): What the one has found in each; None without
            annotation.
        theirs (Sequence[Optional[Judged]]): What the other has found in them.
        """
        for one, other in zip(ours, theirs, strict=True):
            if one is None or other is None:
                self.are_comparable &= one is other
            elif one.outcome.gold != other.outcome.gold:
                self.are_comparable = False
            else:
                self._compare(one, other)

    def _compare(self, ours: Judged, theirs: Judged) -> None:
        found = [_predicted(judged) for judged in (ours, theirs)]
        for unit in ours.outcome.gold:
            if (unit in found[0]) != (unit in found[1]):
                name = self.ours if unit in found[0] else self.theirs
                self._add(f"found by {name} only", unit, ours, theirs)
        if self._unit == "tag":
            return  # what the one has not found is wrong there
        gold = set(ours.outcome.gold)
        for name, own, other in (
            (self.ours, found[0], found[1]),
            (self.theirs, found[1], found[0]),
        ):
            for unit in sorted(own - other - gold):
                self._add(f"wrong in {name} only", unit, ours, theirs)

    def finish(self, ours: Collector, theirs: Collector, n_samples: int) -> Difference:
        """Say what both differ in.

        ours (Collector): What the one has found in all documents.
        theirs (Collector): What the other has found in them.
        n_samples (int): How many test sets to draw.
        RETURNS (Difference): The difference.
        """
        both = (ours.scores(n_samples), theirs.scores(n_samples))
        names = (self.ours, self.theirs)
        overall = [
            own[0]._replace(name=name) for own, name in zip(both, names, strict=True)
        ]
        by_label = [{score.name: score for score in own[1]} for own in both]
        labels = [
            [own.get(label, make_score(label, (0, 0, 0))) for own in by_label]
            for label in sorted({*by_label[0], *by_label[1]})
        ]
        by_kind: Counter[str] = Counter()
        for key, times in self._times.items():
            by_kind[key[0]] += times
        drawn = (both[0][2], both[1][2])
        comparison = compare_counts(ours.counts, theirs.counts, drawn)
        changes = [
            Change(
                *key,
                times,
                [sentence for sentence, _ in self._sentences[key]],
                [sentence for _, sentence in self._sentences[key]],
            )
            for key, times in self._times.most_common()
        ]
        return Difference(
            *names, comparison, overall, labels, dict(by_kind.most_common()), changes
        )

    def _add(self, kind: str, unit: Unit, ours: Judged, theirs: Judged) -> None:
        doc = ours.outcome.doc
        key = (kind, one_line(doc[unit.start : unit.end].text), unit.label)
        self._times[key] += 1
        sentences = self._sentences.setdefault(key, [])
        if len(sentences) < _MOST_SENTENCES and self._n_kept < _MOST_KEPT:
            sentences.append((self._cut(ours, unit), self._cut(theirs, unit)))
            self._n_kept += 1

    def _cut(self, judged: Judged, unit: Unit) -> Sentence:
        if self._unit == "entity":
            return sentence_around(judged, unit)
        number = judged.outcome.gold.index(unit)
        return sentence_around(judged, unit, only=Pair(number, number))


def _predicted(judged: Judged) -> Set[Unit]:
    return set(judged.outcome.predicted)
