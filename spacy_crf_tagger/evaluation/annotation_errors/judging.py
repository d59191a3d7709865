"""What models think of each document: the places that are probably wrong, and how
probable an error is at each token.
"""

import math
from typing import Iterator, List, NamedTuple, Sequence, Set

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc

from ...crf import SpanPosterior
from ...crf.lattice import offsets_of
from ...pipeline.annotation import UNKNOWN, Tags
from .findings import LOWEST, Change, EntitySpan, Finding, change_of
from .pooling import Judges
from .regions import Regions, find_regions
from .usage import Usage, relabelled

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
    judges: Judges, docs: Sequence[Doc], numbers: Sequence[int], usage: Usage
) -> Iterator[Judgement]:
    """Judge the annotation of documents.

    judges (Judges): Models that have not learned it.
    docs (Sequence[Doc]): The annotated documents.
    numbers (Sequence[int]): The number of each in the corpus.
    usage (Usage): How the words of the corpus are annotated.
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
                _finding(doc, number, regions, r, offsets[i], labels, usage)
                for r in range(limits[i], limits[i + 1])
                if np.isfinite(regions.log_suggested[r])
            ]
            own = tokens[offsets[i] : offsets[i + 1]].copy()
            for finding in findings:
                changed = _retagged(finding.change)
                # It knows more than the token by itself.
                own[changed] = finding.score
            yield Judgement(number, findings, own)


def _finding(
    doc: Doc,
    number: int,
    regions: Regions,
    r: int,
    first: int,
    labels: Sequence[str],
    usage: Usage,
) -> Finding:
    """RETURNS (Finding): What there is to say of a region."""
    shift = int(regions.start[r]) - first
    annotated, suggested = (
        [EntitySpan(s + shift, e + shift, labels[label]) for s, e, label in spans]
        for spans in (regions.annotated[r], regions.suggested[r])
    )
    change = change_of(annotated, suggested)
    both = [*change.annotated, *change.suggested]
    log_annotated = max(float(regions.log_annotated[r]), LOWEST)
    log_suggested = float(regions.log_suggested[r])
    log_odds = log_suggested - log_annotated
    tokens = relabelled(change.annotated, change.suggested)
    of_words = usage.log_ratio(doc, tokens, change.annotated, change.suggested)
    # The log-odds of a long change are the sum of many that hang together.
    by_model = log_odds / math.sqrt(len(tokens)) if log_odds > 0 else log_odds
    return Finding(
        number,
        min(span.start for span in both),
        max(span.end for span in both),
        change,
        math.exp(min(log_annotated, 0.0)),
        math.exp(min(log_suggested, 0.0)),
        log_odds,
        of_words,
        by_model + of_words,
    )


def _retagged(change: Change) -> List[int]:
    """RETURNS (List[int]): The tokens that would get another label or another border
    before them.
    """
    before, after = (_tagged(spans) for spans in (change.annotated, change.suggested))
    return sorted({token for token, *_ in before ^ after})


def _tagged(spans: Sequence[EntitySpan]) -> "Set[tuple[int, bool, str]]":
    return {
        (i, i == span.start, span.label)
        for span in spans
        for i in range(span.start, span.end)
    }


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
