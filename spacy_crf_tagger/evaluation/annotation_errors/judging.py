"""What models think of each document: the places that are probably wrong, and how
probable an error is at each token.
"""

from typing import Iterator, List, NamedTuple, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc

from ...crf import SpanPosterior
from ...crf.lattice import offsets_of
from ...pipeline.annotation import UNKNOWN, Tags
from .findings import EntitySpan, Finding, finding_of
from .pooling import Judges
from .regions import Regions, find_regions

# So that what is impossible has a finite score.
_TINY = 1e-30


class Judgement(NamedTuple):
    """What models think of a document.

    number (int): The number of the document in the corpus, from 0.
    findings (List[Finding]): The places that may be wrong, in the order of the text.
    tokens (NDArray[float]): The score of each token, from 0 to 1.
    """

    number: int
    findings: List[Finding]
    tokens: NDArray[np.float64]

    @property
    def score(self) -> float:
        """RETURNS (float): The score of the document: the highest in it."""
        of_findings = [finding.score for finding in self.findings]
        return max([*of_findings, float(self.tokens.max(initial=0.0))])


def judge(
    judges: Judges, docs: Sequence[Doc], numbers: Sequence[int]
) -> Iterator[Judgement]:
    """Judge the annotation of documents.

    judges (Judges): Models that have not learned it.
    docs (Sequence[Doc]): The annotated documents.
    numbers (Sequence[int]): The number of each in the corpus.
    YIELDS (Judgement): What there is to say of each document with a token, in their
        order.
    """
    filled = iter([n for n, doc in zip(numbers, docs, strict=True) if len(doc)])
    labels = judges.scheme.labels
    for scored in judges.score(docs):
        posterior = SpanPosterior(scored.lattice, judges.scheme)
        regions = find_regions(scored.lattice, judges.scheme, scored.tags, posterior)
        tokens = _token_scores(posterior.tags, scored.tags)
        offsets = offsets_of(scored.lattice.lengths).tolist()
        limits = np.searchsorted(regions.start, offsets).tolist()
        for i, doc in enumerate(scored.docs):
            number = next(filled)
            findings = [
                finding_of(doc, number, *_spans(regions, r, offsets[i], labels))
                for r in range(limits[i], limits[i + 1])
                if np.isfinite(regions.log_suggested[r])
            ]
            own = tokens[offsets[i] : offsets[i + 1]]
            yield Judgement(number, findings, own)


def _spans(
    regions: Regions, r: int, first: int, labels: Sequence[str]
) -> Tuple[List[EntitySpan], List[EntitySpan], float, float]:
    shift = int(regions.start[r]) - first
    annotated, suggested = (
        [EntitySpan(s + shift, e + shift, labels[label]) for s, e, label in spans]
        for spans in (regions.annotated[r], regions.suggested[r])
    )
    logs = (regions.log_annotated[r], regions.log_suggested[r])
    return annotated, suggested, float(logs[0]), float(logs[1])


def _token_scores(marginals: NDArray[np.float64], tags: Tags) -> NDArray[np.float64]:
    """RETURNS (NDArray[float]): How probable the best other tag is beside the annotated
    one, [N]: 0 without annotation.
    """
    rows = np.arange(len(tags))
    known = np.maximum(tags, 0)
    own = marginals[rows, known]
    others = marginals.copy()
    others[rows, known] = 0.0
    best = others.max(axis=1)
    return np.where(tags == UNKNOWN, 0.0, best / np.maximum(best + own, _TINY))
