"""Pipelines as teachers of a component that is being trained."""

from typing import List, NamedTuple, Optional, Sequence, Tuple, cast

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc

from ..crf import Lattice, Potentials, TagSet
from ..crf.alignment import corresponding_tags, finest, take_tags
from .errors import few
from .lessons import AnnotatedLesson, ScoredLesson
from .memory import DocMemory
from .student import Student

# What is remembered of documents, so that a teacher need not analyse them again.
_MAX_BYTES = 2**30
_BYTES_OF_TOKEN = 256  # of a document: about as much as spaCy takes


class Member(NamedTuple):
    """A pipeline with a component that teaches.

    name (str): What the user calls it.
    nlp (Language): The pipeline.
    component (str): The name of the component.
    """

    name: str
    nlp: Language
    component: str

    @property
    def pipe(self) -> Student:
        """RETURNS (Student): The component."""
        return cast(Student, self.nlp.get_pipe(self.component))


class ScoringTeacher:
    """One pipeline, or several whose scores are averaged, with a component of the same
    kind as the student. It teaches its distribution over all analyses.
    """

    def __init__(
        self,
        members: Sequence[Member],
        *,
        temperature: float = 1.0,
        max_bytes: int = _MAX_BYTES,
    ) -> None:
        """Create the teacher.

        members (Sequence[Member]): The pipelines; at least one. Each counts the same,
            at the temperature that it was calibrated to.
        temperature (float): What the scores of teacher and student are divided by
            while they are compared.
        max_bytes (int): How much to remember of documents. The others are analysed
            each time that they are learned.
        RAISES (ValueError): If there are no members, or they have different labels.
        """
        if not members:
            raise ValueError("There is no teacher: name one pipeline or several.")
        first, *others = members
        labels = first.pipe.labels
        for member in others:
            odd = sorted(set(labels) ^ set(member.pipe.labels))
            if odd:
                raise ValueError(
                    f"{first.name} and {member.name} have different labels: only one "
                    f"of them has {few(odd)}. Scores can be averaged of teachers that "
                    "were trained with the same labels; distil from one after another "
                    "otherwise."
                )
        self.members = list(members)
        self.temperature = temperature
        self.tags: TagSet = finest([member.pipe.tag_set for member in members])
        self._shared: Optional[Potentials] = None
        self._known = DocMemory[NDArray[np.float32]](
            max_bytes, lambda each: each.nbytes
        )

    @property
    def labels(self) -> Tuple[str, ...]:
        """RETURNS (Tuple[str, ...]): What the teacher can say of a text."""
        return tuple(self.tags.labels)

    def lesson(self, docs: Sequence[Doc]) -> ScoredLesson:
        """RETURNS (ScoredLesson): The mean of the members' scores."""
        emissions = self._known.recall(docs, self._emissions)
        shared = self._shared
        assert shared is not None
        lengths = np.array([len(doc) for doc in docs], dtype=np.int64)
        potentials = shared._replace(
            emissions=np.concatenate(emissions), lengths=lengths
        )
        return ScoredLesson(potentials, self.tags, self.temperature)

    def _emissions(self, docs: Sequence[Doc]) -> List[NDArray[np.float32]]:
        scores = self.score(docs)
        if len(scores.emissions):
            # A document without tokens knows no transitions.
            self._shared = scores
        limits = np.cumsum(scores.lengths)[:-1]
        # Copies, so that one document does not keep a batch in memory.
        return [own.copy() for own in np.split(scores.emissions, limits)]

    def score(self, docs: Sequence[Doc]) -> Potentials:
        """Score all analyses of documents.

        docs (Sequence[Doc]): The documents; at least one. They do not change.
        RETURNS (Potentials): The mean of the members' scores, for `tags`, with `-inf`
            for what a member finds impossible.
        """
        summed: Optional[Potentials] = None
        for member in self.members:
            found = self._scores_of(member, docs)
            summed = found if summed is None else summed.plus(found)
        assert summed is not None
        n_members = len(self.members)
        return summed if n_members == 1 else summed.scaled(1 / n_members)

    def _scores_of(self, member: Member, docs: Sequence[Doc]) -> Potentials:
        names = member.nlp.pipe_names
        after = names[names.index(member.component) :]
        copies = copy_tokens(docs, member.nlp)
        prepared = list(member.nlp.pipe(copies, disable=after))
        lesson = member.pipe.lesson(prepared)
        numbers = corresponding_tags(self.tags, lesson.tags)
        taken = take_tags(lesson.potentials, numbers)
        return Lattice.build(taken, self.tags.constraints).potentials


class AnnotatingTeacher:
    """One pipeline, or several, with any components, such as spaCy's `ner`. It teaches
    what it annotates; where several differ, what they agree on.
    """

    def __init__(
        self,
        members: Sequence[Language],
        labels: Sequence[str],
        *,
        max_bytes: int = _MAX_BYTES,
    ) -> None:
        """Create the teacher.

        members (Sequence[Language]): The pipelines; at least one.
        labels (Sequence[str]): The labels that they can annotate, as far as they are
            known.
        max_bytes (int): How much to remember of documents. The others are annotated
            each time that they are learned.
        """
        self.members = list(members)
        self.labels = tuple(labels)
        self._known = DocMemory[List[Doc]](max_bytes, _size_of)

    def lesson(self, docs: Sequence[Doc]) -> AnnotatedLesson:
        """RETURNS (AnnotatedLesson): What the members annotate."""
        of_docs = self._known.recall(docs, self._annotate)
        return AnnotatedLesson([list(own) for own in zip(*of_docs, strict=True)])

    def _annotate(self, docs: Sequence[Doc]) -> List[List[Doc]]:
        of_members = [
            [_without_vectors(doc) for doc in nlp.pipe(copy_tokens(docs, nlp))]
            for nlp in self.members
        ]
        return [list(own) for own in zip(*of_members, strict=True)]


def copy_tokens(docs: Sequence[Doc], nlp: Language) -> List[Doc]:
    """Make new documents for another pipeline, of the same tokens.

    docs (Sequence[Doc]): The documents.
    nlp (Language): The pipeline.
    RETURNS (List[Doc]): Documents without any annotation.
    """
    return [
        Doc(
            nlp.vocab,
            words=[token.text for token in doc],
            spaces=[bool(token.whitespace_) for token in doc],
        )
        for doc in docs
    ]


def _without_vectors(doc: Doc) -> Doc:
    """Let a document keep what is annotated, and nothing that networks have made."""
    doc.tensor = np.zeros((0,), dtype=np.float32)
    if Doc.has_extension("trf_data"):
        doc._.trf_data = None
    return doc


def _size_of(docs: Sequence[Doc]) -> int:
    return _BYTES_OF_TOKEN * sum(len(doc) for doc in docs)
