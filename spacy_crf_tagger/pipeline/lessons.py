"""What a student learns from a teacher about a batch of documents."""

from typing import Callable, List, NamedTuple, Protocol, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.training import Example

from ..crf import Potentials, TagScheme, TagSet
from ..crf.alignment import corresponding_tags, finest, take_tags
from ..crf.arrays import zeros_like
from .annotation import UNKNOWN
from .errors import few
from .losses import distillation_loss, tag_loss
from .task import TagTask

# Computes a loss, summed over the documents, and the gradients of its mean over them.
LossOf = Callable[[Potentials], Tuple[float, Potentials]]


class Lesson(Protocol):
    """What a teacher says of a batch of documents."""

    def loss(
        self, potentials: Potentials, student: TagTask
    ) -> Tuple[float, Potentials]:
        """Compute how far a student is from it.

        potentials (Potentials): The scores of the student for the documents.
        student (TagTask): The student.
        RETURNS (Tuple[float, Potentials]): The loss in nats, summed over the documents,
            and the gradients of its mean over the documents.
        RAISES (ValueError): If the teacher has labels that the student does not have.
        """
        ...


class Teacher(Protocol):
    """What a student can learn from."""

    def lesson(self, docs: Sequence[Doc]) -> Lesson:
        """Ask the teacher.

        docs (Sequence[Doc]): The documents of the student. They do not change.
        RETURNS (Lesson): What the teacher says of them.
        """
        ...


class ScoredLesson(NamedTuple):
    """A distribution over all analyses of each document.

    potentials (Potentials): The scores of the teacher.
    tags (TagSet): The tags that they are for.
    temperature (float): What the scores of both are divided by.
    """

    potentials: Potentials
    tags: TagSet
    temperature: float = 1.0

    def loss(
        self, potentials: Potentials, student: TagTask
    ) -> Tuple[float, Potentials]:
        """RETURNS (Tuple[float, Potentials]): The divergence from the teacher, and
        gradients. A label that the teacher does not have is impossible to it.
        """
        own = student.tag_set
        if isinstance(own, TagScheme) != isinstance(self.tags, TagScheme):
            raise ValueError(
                f"the teacher has the tags {few(self.tags.tags)}, and the student has "
                f"{few(own.tags)}. Both must be crf_ner, or both crf_tagger."
            )
        require_labels(self.tags.labels, own.labels)
        common = finest([own, self.tags])
        taught = take_tags(self.potentials, corresponding_tags(common, self.tags))
        return distillation_loss(taught, common, potentials, own, self.temperature)


class AnnotatedLesson(NamedTuple):
    """One analysis of each document, or several, of which only that is learned which
    they agree on. Tokens without annotation are latent.

    docs (List[List[Doc]]): The documents as each teacher has annotated them.
    """

    docs: List[List[Doc]]

    def loss(
        self, potentials: Potentials, student: TagTask
    ) -> Tuple[float, Potentials]:
        """RETURNS (Tuple[float, Potentials]): The negative log-likelihood of what the
        teachers agree on, and gradients.
        """
        agreed = np.full(len(potentials.emissions), UNKNOWN, dtype=np.int64)
        for number, docs in enumerate(self.docs):
            examples = [Example(doc, doc) for doc in docs]
            new = student.read_annotation(examples).new_labels
            require_labels([*student.tag_set.labels, *new], student.tag_set.labels)
            tags = student.known_tags(examples)
            agreed = np.where(agreed == tags, tags, UNKNOWN) if number else tags
        return tag_loss(agreed, potentials, student.tag_set)


def require_labels(taught: Sequence[str], known: Sequence[str]) -> None:
    """Check that a student has the labels of a teacher.

    taught (Sequence[str]): The labels of the teacher.
    known (Sequence[str]): Those of the student.
    RAISES (ValueError): If it lacks some.
    """
    unknown = sorted(set(taught) - set(known))
    if unknown:
        raise ValueError(
            f"the teacher has labels that the student does not have: {few(unknown)}. "
            "Give them to the student before it is trained, with add_label or in "
            "[initialize.components.…] labels; or choose a teacher without them."
        )


def weighted_sum(parts: Sequence[Tuple[float, LossOf]]) -> LossOf:
    """Add up losses.

    parts (Sequence[Tuple[float, LossOf]]): Each loss with its weight; at least one.
    RETURNS (LossOf): Computes the sum.
    """

    def loss_of(potentials: Potentials) -> Tuple[float, Potentials]:
        (weight, first), *others = parts
        value, gradients = first(potentials)
        total, summed = weight * value, gradients.scaled(weight)
        for weight, other in others:
            value, gradients = other(potentials)
            total, summed = total + weight * value, summed.plus(gradients, weight)
        return total, summed

    return loss_of


def of_documents(numbers: NDArray[np.int64], loss_of: LossOf) -> LossOf:
    """Make a loss of some documents one of the whole batch.

    numbers (NDArray[int]): Which documents of the batch it is of, in their order.
    loss_of (LossOf): Computes it from the scores of these.
    RETURNS (LossOf): Computes it from the scores of the batch.
    """

    def loss_of_batch(potentials: Potentials) -> Tuple[float, Potentials]:
        lengths = potentials.lengths
        if len(numbers) == len(lengths):
            return loss_of(potentials)
        chosen = np.zeros(len(lengths), dtype=bool)
        chosen[numbers] = True
        rows = np.flatnonzero(np.repeat(chosen, lengths))
        part = potentials._replace(
            emissions=potentials.emissions[rows], lengths=lengths[numbers]
        )
        value, gradients = loss_of(part)
        # Of the mean over all documents.
        gradients = gradients.scaled(len(numbers) / len(lengths))
        emissions = zeros_like(gradients.emissions, potentials.emissions.shape)
        emissions[rows] = gradients.emissions
        return value, gradients._replace(emissions=emissions, lengths=lengths)

    return loss_of_batch
