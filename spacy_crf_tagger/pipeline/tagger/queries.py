"""Questions that a user can ask about the tags of documents, as functions of their
lattices.
"""

from typing import Iterable, List, NamedTuple, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc

from ...crf import Lattice, k_best, log_partition, sample
from ...crf.arrays import to_numpy
from ...crf.inference import require_possible_tags
from ..documents import naming_document
from .decoding import marginals_of

# Groups of documents in their order, with all of their analyses.
Lattices = Iterable[Tuple[List[Doc], Lattice]]
ADVICE = "Look at the tags that are set, the tag dictionary and the forbidden pairs."


class TagAnalysis(NamedTuple):
    """One way to tag a document.

    tags (Tuple[str, ...]): The tag of each token.
    probability (float): The probability that exactly these are its tags.
    """

    tags: Tuple[str, ...]
    probability: float


def tag_marginals(lattices: Lattices) -> List[NDArray[np.float64]]:
    """Compute the probabilities of tags at each token (Sutton and McCallum 2012,
    section 4.1).

    lattices (Iterable[Tuple[List[Doc], Lattice]]): The documents.
    RETURNS (List[NDArray[float64]]): The probability of each tag at each token of each
        document, [N, K].
    RAISES (ValueError): If a document has no possible analysis.
    """
    answers: List[NDArray[np.float64]] = []
    for docs, lattice in lattices:
        marginals = marginals_of(lattice)
        with naming_document(docs, ADVICE):
            require_possible_tags(marginals, lattice.lengths)
        answers += np.split(marginals, np.cumsum(lattice.lengths)[:-1])
    return answers


def probabilities_of_tags(
    docs: Sequence[Doc],
    marginals: Sequence[NDArray[np.float64]],
    tags: Sequence[Sequence[str]],
    labels: Sequence[str],
) -> List[NDArray[np.float64]]:
    """Look up the probability of one tag for each token.

    docs (Sequence[Doc]): The documents.
    marginals (Sequence[NDArray[float64]]): The result of `tag_marginals`.
    tags (Sequence[Sequence[str]]): The tag of each token of each document.
    labels (Sequence[str]): The labels.
    RETURNS (List[NDArray[float64]]): The probability of each tag, [N].
    RAISES (ValueError): If there is not one label for each token.
    """
    if len(docs) != len(tags):
        raise ValueError(
            f"got {len(docs)} documents, but tags for {len(tags)}. Give one list for "
            "each document."
        )
    numbers = {label: n for n, label in enumerate(labels)}
    answers: List[NDArray[np.float64]] = []
    for doc, of_doc, own in zip(docs, marginals, tags, strict=True):
        if len(doc) != len(own):
            raise ValueError(f"got {len(own)} tags for the {len(doc)} tokens of a doc.")
        unknown = sorted({tag for tag in own if tag not in numbers})
        if unknown:
            raise ValueError(
                f"{unknown} are no labels. The labels are {list(labels)}; a token that "
                "has no tag yet has no probability."
            )
        columns = np.array([numbers[tag] for tag in own], dtype=np.int64)
        answers.append(of_doc[np.arange(len(own)), columns])
    return answers


def best_analyses(
    lattices: Lattices, k: int, labels: Sequence[str]
) -> List[List[TagAnalysis]]:
    """Find the most probable analyses, by list Viterbi (Seshadri and Sundberg 1994).

    lattices (Iterable[Tuple[List[Doc], Lattice]]): The documents.
    k (int): How many; fewer are found if a document has fewer.
    labels (Sequence[str]): The labels.
    RETURNS (List[List[TagAnalysis]]): Different analyses of each document, the most
        probable first.
    RAISES (ValueError): If k is not positive.
    """
    answers: List[List[TagAnalysis]] = []
    for docs, lattice in lattices:
        with naming_document(docs, ADVICE):
            paths = k_best(lattice, k)
        tags, scores = to_numpy(paths.tags), to_numpy(paths.scores)
        probabilities = np.exp(scores - to_numpy(log_partition(lattice)))
        by_doc = np.split(tags, np.cumsum(lattice.lengths)[:-1], axis=1)
        for n, own in enumerate(by_doc):
            answers.append(
                [
                    TagAnalysis(
                        _names(own[rank], labels),
                        min(float(probabilities[rank, n]), 1.0),
                    )
                    for rank in np.flatnonzero(scores[:, n] > -np.inf).tolist()
                ]
            )
    return answers


def drawn_analyses(
    lattices: Lattices, n: int, seed: int, labels: Sequence[str]
) -> List[List[Tuple[str, ...]]]:
    """Draw analyses independently of each other, each with its probability (Scott
    2002).

    lattices (Iterable[Tuple[List[Doc], Lattice]]): The documents.
    n (int): How many.
    seed (int): The seed.
    labels (Sequence[str]): The labels.
    RETURNS (List[List[Tuple[str, ...]]]): The tags of each analysis of each document.
    RAISES (ValueError): If n is not positive.
    """
    answers: List[List[Tuple[str, ...]]] = []
    for number, (docs, lattice) in enumerate(lattices):
        with naming_document(docs, ADVICE):
            paths = to_numpy(sample(lattice, n, (seed, number)))
        by_doc = np.split(paths, np.cumsum(lattice.lengths)[:-1], axis=1)
        answers += [[_names(path, labels) for path in own] for own in by_doc]
    return answers


def _names(tags: NDArray[np.int64], labels: Sequence[str]) -> Tuple[str, ...]:
    return tuple(labels[tag] for tag in tags.tolist())
