"""Rank findings, and put those of one surface into one group."""

import heapq
from itertools import count
from typing import Dict, Iterable, Iterator, List, NamedTuple, Tuple

from spacy.tokens import Doc

from .findings import Finding
from .tasks import Task, task_of

# What is the same in all findings of a group.
Key = Tuple[str, Tuple[Tuple[str, str], ...], Tuple[Tuple[str, str], ...]]


class Group(NamedTuple):
    """Findings of one kind, of one surface and with one suggestion.

    number (int): Its rank, from 1: that of its best finding.
    tasks (List[Task]): The findings with their context, best first.
    """

    number: int
    tasks: List[Task]


class Ranking:
    """The best findings of a corpus, however many there are.

    limit (int): How many are kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._heap: List[Tuple[float, int, Key, Task]] = []
        self._order = count(0, -1)
        self.n_seen = 0

    def add(self, doc: Doc, findings: Iterable[Finding]) -> None:
        """Add the findings of a document.

        doc (Doc): The document.
        findings (Iterable[Finding]): The findings.
        """
        for finding in findings:
            self.n_seen += 1
            evidence = finding.evidence
            if len(self._heap) == self._limit and evidence <= self._heap[0][0]:
                continue
            # Of equals, the first in the corpus comes first.
            entry = (
                evidence,
                next(self._order),
                _key(doc, finding),
                task_of(doc, finding),
            )
            if len(self._heap) < self._limit:
                heapq.heappush(self._heap, entry)
            else:
                heapq.heapreplace(self._heap, entry)

    def groups(self) -> List[Group]:
        """RETURNS (List[Group]): The groups, best first."""
        grouped: Dict[Key, List[Task]] = {}
        for _, _, key, task in sorted(self._heap, reverse=True, key=lambda e: e[:2]):
            grouped.setdefault(key, []).append(task)
        return [Group(n, tasks) for n, tasks in enumerate(grouped.values(), start=1)]


def by_score(groups: Iterable[Group]) -> Iterator[Tuple[Group, Task]]:
    """RETURNS (Iterator[Tuple[Group, Task]]): All findings with their groups, best
    first.
    """
    pairs = [(group, task) for group in groups for task in group.tasks]
    pairs.sort(key=lambda pair: -pair[1].finding.evidence)
    return iter(pairs)


def _key(doc: Doc, finding: Finding) -> Key:
    wrong, right = (
        tuple((_surface(doc, span.start, span.end), span.label) for span in spans)
        for spans in (finding.change.annotated, finding.change.suggested)
    )
    return finding.change.kind, wrong, right


def _surface(doc: Doc, start: int, end: int) -> str:
    return " ".join(doc[start:end].text.casefold().split())
