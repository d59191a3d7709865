"""Questions that a user can ask the model about documents."""

from typing import Iterable, Iterator, List, Mapping, NamedTuple, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc, Span

from ...crf import Lattice, Potentials, k_best, log_partition, sample
from ...crf.arrays import to_numpy
from ...crf.lattice import offsets_of
from ...crf.spans import SpanPosterior
from ..base import CRFPipe
from .decoding import naming_document, prediction_lattice, spans_by_document
from .writing import entities_of

# First token, token after the last, label.
Candidate = Union[Span, Tuple[int, int, str]]


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


class LatticeQueries(CRFPipe):
    """The questions. All answers are exact, conditional on the text and on what is
    known about it: entities and blocked tokens that are set (unless `presets` is
    `"ignore"`) and sentence starts. Entities that the component has itself predicted,
    which are those in `doc.spans[spans_key]`, are not taken for known. Documents are
    not changed. Probabilities are those at the `temperature`.
    """

    def span_probabilities(
        self,
        docs: Union[Doc, Iterable[Doc]],
        spans: Sequence[Sequence[Candidate]],
    ) -> List[NDArray[np.float64]]:
        """Compute the probability of candidate spans, predicted or not: that exactly
        this span is an entity of exactly this label (Culotta and McCallum 2004).

        docs (Union[Doc, Iterable[Doc]]): The documents, or one.
        spans (Sequence[Sequence[Union[Span, Tuple[int, int, str]]]]): The candidates
            for each document: spans with a label, or first token, token after the last
            and label. They may overlap. One takes time linear in its length.
        RETURNS (List[NDArray[float64]]): The probabilities for each document, in the
            order of its candidates.
        RAISES (ValueError): If there are not as many lists of candidates as documents,
            or a candidate is empty, out of bounds or of a label that there is not.
        """
        docs = [docs] if isinstance(docs, Doc) else list(docs)
        if len(docs) != len(spans):
            raise ValueError(
                f"Component '{self.name}': got {len(docs)} documents, but candidate "
                f"spans for {len(spans)}. Give one list for each document."
            )
        label_numbers = {label: n for n, label in enumerate(self.labels)}
        answers: List[NDArray[np.float64]] = []
        with self._working():
            numbered = [
                [_number(candidate, doc, label_numbers) for candidate in candidates]
                for doc, candidates in zip(docs, spans, strict=True)
            ]
            for group, lattice in self._lattices(docs):
                own = numbered[len(answers) : len(answers) + len(group)]
                counts = [len(candidates) for candidates in own]
                flat = [candidate for candidates in own for candidate in candidates]
                columns = np.array(flat, dtype=np.int64).reshape(-1, 3).T
                first_tokens = np.repeat(offsets_of(lattice.lengths)[:-1], counts)
                probabilities = self._posterior(group, lattice).probabilities(
                    columns[0] + first_tokens, columns[1] + first_tokens, columns[2]
                )
                answers += np.split(probabilities, np.cumsum(counts)[:-1])
        return answers

    def marginals(self, docs: Union[Doc, Iterable[Doc]]) -> List[TokenMarginals]:
        """Compute the probabilities of tags and labels at each token, by the
        forward-backward recursions (Sutton and McCallum 2012, section 4.1).

        docs (Union[Doc, Iterable[Doc]]): The documents, or one.
        RETURNS (List[TokenMarginals]): The marginals of each document.
        """
        answers: List[TokenMarginals] = []
        with self._working():
            for group, lattice in self._lattices(docs):
                posterior = self._posterior(group, lattice)
                inner = np.cumsum(lattice.lengths)[:-1]
                answers += map(
                    TokenMarginals,
                    np.split(posterior.tags, inner),
                    np.split(posterior.labels, inner),
                )
        return answers

    def k_best(self, docs: Union[Doc, Iterable[Doc]], k: int) -> List[List[Analysis]]:
        """Find the most probable analyses, by list Viterbi (Seshadri and Sundberg
        1994).

        docs (Union[Doc, Iterable[Doc]]): The documents, or one.
        k (int): How many; fewer are found if a document has fewer.
        RETURNS (List[List[Analysis]]): Different analyses of each document, the most
            probable first.
        RAISES (ValueError): If k is not positive.
        """
        answers: List[List[Analysis]] = []
        with self._working():
            for group, lattice in self._lattices(docs, copies=k):
                with naming_document(group):
                    paths = k_best(lattice, k)
                tags, scores = to_numpy(paths.tags), to_numpy(paths.scores)
                probabilities = np.exp(scores - to_numpy(log_partition(lattice)))
                # Where there is no path of a rank, its tags are -1.
                ents = self._entities(group, lattice, np.maximum(tags, 0))
                for n, of_doc in enumerate(ents):
                    answers.append(
                        [
                            Analysis(of_doc[r], min(float(probabilities[r, n]), 1.0))
                            for r in np.flatnonzero(scores[:, n] > -np.inf).tolist()
                        ]
                    )
        return answers

    def sample(
        self, docs: Union[Doc, Iterable[Doc]], n: int, *, seed: int = 0
    ) -> List[List[Tuple[Span, ...]]]:
        """Draw analyses independently of each other, each with its probability, by
        forward filtering and backward sampling (Scott 2002).

        docs (Union[Doc, Iterable[Doc]]): The documents, or one.
        n (int): How many.
        seed (int): The seed; the same one gives the same analyses of the same
            documents.
        RETURNS (List[List[Tuple[Span, ...]]]): The entities of each analysis of each
            document.
        RAISES (ValueError): If n is not positive.
        """
        answers: List[List[Tuple[Span, ...]]] = []
        with self._working():
            for number, (group, lattice) in enumerate(self._lattices(docs, copies=n)):
                with naming_document(group):
                    paths = to_numpy(sample(lattice, n, (seed, number)))
                answers += self._entities(group, lattice, paths)
        return answers

    def _lattices(
        self, docs: Union[Doc, Iterable[Doc]], copies: int = 1
    ) -> Iterator[Tuple[List[Doc], Lattice]]:
        """YIELDS (Tuple[List[Doc], Lattice]): Groups of documents in their order, with
        all of their analyses.
        """
        settings = self.settings
        for group, potentials in self.scored(docs, copies):
            if potentials is None:
                width = self.scheme.n_tags
                nothing = np.zeros((0, width), dtype=np.float32)
                lengths = np.zeros(len(group), dtype=np.int64)
                potentials = Potentials(nothing, None, None, None, lengths)
            yield (
                group,
                prediction_lattice(
                    potentials, self.scheme, group, settings, settings.spans_key
                ),
            )

    def _posterior(self, docs: List[Doc], lattice: Lattice) -> SpanPosterior:
        posterior = SpanPosterior(lattice, self.scheme)
        with naming_document(docs):
            posterior.require_possible()
        return posterior

    def _entities(
        self, docs: List[Doc], lattice: Lattice, paths: NDArray[np.int64]
    ) -> List[List[Tuple[Span, ...]]]:
        """RETURNS (List[List[Tuple[Span, ...]]]): The entities of each document that
        each of the paths [R, N] through a group of documents stands for.
        """
        by_path = [
            spans_by_document(self.scheme.decode(tags), lattice.lengths)
            for tags in paths
        ]
        settings = self.settings
        return [
            entities_of(doc, analyses, self.labels, settings)
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
