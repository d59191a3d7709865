"""Look through a corpus for errors of its annotation."""

from itertools import islice
from typing import Dict, Iterable, Iterator, List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc

from .groups import Ranking
from .judging import judge
from .pooling import Judges
from .usage import Usage

# Documents that are judged at a time.
_BATCH = 256

Numbered = Tuple[int, Doc]


class Search:
    """What has been found in a corpus so far. Its size depends on the limit and on the
    number of tokens, by four bytes each, and on that of different words.

    usage (Usage): How the words of the corpus are annotated.
    limit (int): How many findings are kept: the best.
    least (float): The least score of a finding.
    """

    def __init__(self, usage: Usage, limit: int, least: float = 0.0) -> None:
        self._usage = usage
        self.ranking = Ranking(limit)
        self._least = least
        self._tokens: Dict[int, NDArray[np.float32]] = {}
        self._docs: Dict[int, float] = {}
        self._n_findings: Dict[int, int] = {}

    def run(self, docs: Iterable[Numbered], judges: Judges) -> None:
        """Judge documents.

        docs (Iterable[Tuple[int, Doc]]): The documents and their numbers in the corpus.
        judges (Judges): Models that have not learned them.
        """
        for batch in _batches(docs):
            by_number = dict(batch)
            own = list(by_number.values())
            for judged in judge(judges, own, list(by_number), self._usage):
                number = judged.number
                findings = [f for f in judged.findings if f.score >= self._least]
                self.ranking.add(by_number[number], findings)
                self._tokens[number] = judged.tokens.astype(np.float32)
                self._docs[number] = judged.score
                self._n_findings[number] = len(findings)

    def token_scores(self, number: int) -> List[float]:
        """RETURNS (List[float]): The scores of a document's tokens; none if it has not
        been judged.
        """
        found = self._tokens.get(number)
        return [] if found is None else [float(f"{score:.4g}") for score in found]

    def doc_score(self, number: int) -> float:
        """RETURNS (float): The score of a document; 0 if it has not been judged."""
        return self._docs.get(number, 0.0)

    def doc_ranks(self) -> Dict[int, int]:
        """RETURNS (Dict[int, int]): The rank of each document that has been judged: 1
        for the one that most probably has an error.
        """
        order = sorted(self._docs, key=lambda number: (-self._docs[number], number))
        return {number: rank for rank, number in enumerate(order, start=1)}

    def n_findings(self, number: int) -> int:
        """RETURNS (int): How many findings a document has."""
        return self._n_findings.get(number, 0)


def of_fold(
    docs: Iterable[Doc], folds: Sequence[int], wanted: int
) -> Iterator[Numbered]:
    """Take the documents of a fold.

    docs (Iterable[Doc]): All documents.
    folds (Sequence[int]): The fold of each.
    wanted (int): The fold.
    YIELDS (Tuple[int, Doc]): The documents and their numbers.
    """
    for number, (doc, fold) in enumerate(zip(docs, folds, strict=True)):
        if fold == wanted:
            yield number, doc


def _batches(docs: Iterable[Numbered]) -> Iterator[List[Numbered]]:
    remaining = iter(docs)
    while batch := list(islice(remaining, _BATCH)):
        yield batch
