"""Probabilities, marginals, k best and random analyses of documents."""

from typing import Iterable, List, Mapping, NamedTuple, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc, Span

from ...crf import Lattice, SpanPosterior, TagScheme, k_best, log_partition, sample
from ...crf.arrays import to_numpy
from ...crf.lattice import offsets_of
from ...crf.spans import by_sequence
from ..documents import naming_document
from .settings import Settings
from .writing import entities_of

# First token, token after the last, label.
Candidate = Union[Span, Tuple[int, int, str]]
NumberedCandidate = Tuple[int, int, int]
# Groups of documents in their order, with all of their analyses.
Lattices = Iterable[Tuple[List[Doc], Lattice]]
ADVICE = "Look at token.ent_iob_ and token.ent_type_ of its tokens."


class ScoredSpan(NamedTuple):
    """A span that may be an entity.

    span (Span): The span, with its label.
    probability (float): The probability that exactly this span is an entity of this
        label.
    """

    span: Span
    probability: float


class TokenMarginals(NamedTuple):
    """Probabilities of the tags and labels of a document's tokens.

    tags (NDArray[float64]): Probability of each tag of `scheme.tags`, [N, K]; a token's
        sum to 1.
    labels (NDArray[float64]): Probability that the token lies in an entity of each
        label of `labels`, [N, L].
    """

    tags: NDArray[np.float64]
    labels: NDArray[np.float64]


class Analysis(NamedTuple):
    """One way to read a document.

    ents (Tuple[Span, ...]): All of its entities, those that were set before included.
    probability (float): The probability that exactly these are its entities.
    """

    ents: Tuple[Span, ...]
    probability: float


def number_candidates(
    docs: Sequence[Doc], spans: Sequence[Sequence[Candidate]], labels: Sequence[str]
) -> List[List[NumberedCandidate]]:
    """Check candidate spans, and number their labels.

    docs (Sequence[Doc]): The documents.
    spans (Sequence[Sequence[Union[Span, Tuple[int, int, str]]]]): The candidates for
        each document.
    labels (Sequence[str]): The labels.
    RETURNS (List[List[Tuple[int, int, int]]]): First token, token after the last and
        number of the label of each.
    RAISES (ValueError): If there are not as many lists of candidates as documents, or a
        candidate is empty, out of bounds or of a label that there is not.
    """
    if len(docs) != len(spans):
        raise ValueError(
            f"got {len(docs)} documents, but candidate spans for {len(spans)}. Give "
            "one list for each document."
        )
    label_numbers = {label: n for n, label in enumerate(labels)}
    return [
        [_number(candidate, doc, label_numbers) for candidate in candidates]
        for doc, candidates in zip(docs, spans, strict=True)
    ]


def candidate_probabilities(
    lattices: Lattices,
    candidates: Sequence[Sequence[NumberedCandidate]],
    scheme: TagScheme,
) -> List[NDArray[np.float64]]:
    """Compute the probability of candidate spans (Culotta and McCallum 2004).

    lattices (Iterable[Tuple[List[Doc], Lattice]]): The documents.
    candidates (Sequence[Sequence[Tuple[int, int, int]]]): The candidates of each.
    scheme (TagScheme): The tags.
    RETURNS (List[NDArray[float64]]): The probabilities for each document.
    """
    answers: List[NDArray[np.float64]] = []
    for docs, lattice in lattices:
        own = candidates[len(answers) : len(answers) + len(docs)]
        counts = [len(of_doc) for of_doc in own]
        flat = [candidate for of_doc in own for candidate in of_doc]
        columns = np.array(flat, dtype=np.int64).reshape(-1, 3).T
        first_tokens = np.repeat(offsets_of(lattice.lengths)[:-1], counts)
        probabilities = _posterior(docs, lattice, scheme).probabilities(
            columns[0] + first_tokens, columns[1] + first_tokens, columns[2]
        )
        answers += np.split(probabilities, np.cumsum(counts)[:-1])
    return answers


def probable_candidates(
    lattices: Lattices, floor: float, scheme: TagScheme
) -> List[List[ScoredSpan]]:
    """Find all spans that are more probable than a floor.

    lattices (Iterable[Tuple[List[Doc], Lattice]]): The documents.
    floor (float): The probability, above zero.
    scheme (TagScheme): The tags.
    RETURNS (List[List[ScoredSpan]]): The spans of each document, in the order of the
        text.
    RAISES (ValueError): If the floor is not above zero.
    """
    answers: List[List[ScoredSpan]] = []
    for docs, lattice in lattices:
        found = _posterior(docs, lattice, scheme).above(floor)
        limits = np.searchsorted(found.start, offsets_of(lattice.lengths))[1:-1]
        probabilities = np.split(np.minimum(found.probability, 1.0), limits)
        spans = by_sequence(found, lattice.lengths)
        for doc, own, scores in zip(docs, spans, probabilities, strict=True):
            answers.append(
                [
                    ScoredSpan(Span(doc, start, end, scheme.labels[label]), score)
                    for (start, end, label), score in zip(
                        own, scores.tolist(), strict=True
                    )
                ]
            )
    return answers


def token_marginals(lattices: Lattices, scheme: TagScheme) -> List[TokenMarginals]:
    """Compute the probabilities of tags and labels at each token (Sutton and McCallum
    2012, section 4.1).

    lattices (Iterable[Tuple[List[Doc], Lattice]]): The documents.
    scheme (TagScheme): The tags.
    RETURNS (List[TokenMarginals]): The marginals of each document.
    """
    answers: List[TokenMarginals] = []
    for docs, lattice in lattices:
        posterior = _posterior(docs, lattice, scheme)
        inner = np.cumsum(lattice.lengths)[:-1]
        answers += map(
            TokenMarginals,
            np.split(posterior.tags, inner),
            np.split(posterior.labels, inner),
        )
    return answers


def best_analyses(
    lattices: Lattices, k: int, scheme: TagScheme, settings: Settings
) -> List[List[Analysis]]:
    """Find the most probable analyses, by list Viterbi (Seshadri and Sundberg 1994).

    lattices (Iterable[Tuple[List[Doc], Lattice]]): The documents.
    k (int): How many; fewer are found if a document has fewer.
    scheme (TagScheme): The tags.
    settings (Settings): What is known of documents.
    RETURNS (List[List[Analysis]]): Different analyses of each document, the most
        probable first.
    RAISES (ValueError): If k is not positive.
    """
    answers: List[List[Analysis]] = []
    for docs, lattice in lattices:
        with naming_document(docs, ADVICE):
            paths = k_best(lattice, k)
        tags, scores = to_numpy(paths.tags), to_numpy(paths.scores)
        probabilities = np.exp(scores - to_numpy(log_partition(lattice)))
        # Where there is no path of a rank, its tags are -1.
        ents = _entities(docs, lattice, np.maximum(tags, 0), scheme, settings)
        for n, of_doc in enumerate(ents):
            answers.append(
                [
                    Analysis(of_doc[r], min(float(probabilities[r, n]), 1.0))
                    for r in np.flatnonzero(scores[:, n] > -np.inf).tolist()
                ]
            )
    return answers


def drawn_analyses(
    lattices: Lattices, n: int, seed: int, scheme: TagScheme, settings: Settings
) -> List[List[Tuple[Span, ...]]]:
    """Draw analyses independently of each other, each with its probability (Scott
    2002).

    lattices (Iterable[Tuple[List[Doc], Lattice]]): The documents.
    n (int): How many.
    seed (int): The seed.
    scheme (TagScheme): The tags.
    settings (Settings): What is known of documents.
    RETURNS (List[List[Tuple[Span, ...]]]): The entities of each analysis of each
        document.
    RAISES (ValueError): If n is not positive.
    """
    answers: List[List[Tuple[Span, ...]]] = []
    for number, (docs, lattice) in enumerate(lattices):
        with naming_document(docs, ADVICE):
            paths = to_numpy(sample(lattice, n, (seed, number)))
        answers += _entities(docs, lattice, paths, scheme, settings)
    return answers


def _posterior(docs: List[Doc], lattice: Lattice, scheme: TagScheme) -> SpanPosterior:
    posterior = SpanPosterior(lattice, scheme)
    with naming_document(docs, ADVICE):
        posterior.require_possible()
    return posterior


def _entities(
    docs: List[Doc],
    lattice: Lattice,
    paths: NDArray[np.int64],
    scheme: TagScheme,
    settings: Settings,
) -> List[List[Tuple[Span, ...]]]:
    """RETURNS (List[List[Tuple[Span, ...]]]): The entities of each document that each
    of the paths [R, N] through a group of documents stands for.
    """
    by_path = [by_sequence(scheme.decode(tags), lattice.lengths) for tags in paths]
    return [
        entities_of(doc, analyses, scheme.labels, settings)
        for doc, analyses in zip(docs, zip(*by_path, strict=True), strict=True)
    ]


def _number(
    candidate: Candidate, doc: Doc, label_numbers: Mapping[str, int]
) -> Tuple[int, int, int]:
    """Check a candidate, and number its label."""
    if isinstance(candidate, Span):
        candidate = (candidate.start, candidate.end, candidate.label_)
    if not isinstance(candidate, tuple) or len(candidate) != 3:
        raise ValueError(
            f"candidate {candidate!r} is neither a span nor a triple of first token, "
            "token after the last, and label. Give each document a list of them."
        )
    start, end, label = candidate
    if not 0 <= start < end <= len(doc):
        raise ValueError(
            f"candidate span ({start}, {end}, {label!r}) is not within the {len(doc)} "
            "tokens of its document."
        )
    if label not in label_numbers:
        raise ValueError(
            f"candidate span ({start}, {end}, {label!r}) has a label that is not among "
            f"{list(label_numbers)}."
        )
    return start, end, label_numbers[label]
