"""What a component learns from: annotation, teachers, or both."""

from contextlib import contextmanager
from functools import partial
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Optimizer

from ..crf import Potentials
from ..crf.arrays import to_numpy
from ..crf.options import Number, check_numbers
from .annotation import UNKNOWN, Annotation
from .configured import ConfiguredTask
from .documents import naming_document
from .lessons import (
    AnnotatedLesson,
    Lesson,
    LossOf,
    ScoredLesson,
    Teacher,
    of_documents,
    weighted_sum,
)
from .losses import distillation_loss
from .model import CRFModel, for_crf, learn

TEACHER_SHARE = Number(low=0.0, high=1.0, above_low=True)
DISTILLATION_TEMPERATURE = Number(low=0.1, high=100.0)


class Teaching(NamedTuple):
    """Of whom a component learns while it is updated.

    teacher (Teacher): The teacher.
    weight (float): The share of the teacher in the loss, from 0 to 1; the rest is that
        of the annotation.
    """

    teacher: Teacher
    weight: float


class Student(ConfiguredTask):
    """What a component does to learn from a teacher, and to be one. `CRFPipe` has what
    is only declared here.
    """

    model: CRFModel
    finish_update: Callable[[Optimizer], None]
    scored: Callable[..., Iterator[Tuple[List[Doc], Potentials]]]
    _require_built: Callable[[], None]
    _wake: Callable[[], None]
    add_label: Callable[[str], int]

    _teaching: Optional[Teaching] = None

    def distill(
        self,
        teacher_pipe: Any,
        teacher_docs: Iterable[Doc],
        student_docs: Iterable[Doc],
        *,
        drop: float = 0.0,
        sgd: Optional[Optimizer] = None,
        losses: Optional[Dict[str, float]] = None,
        temperature: float = 1.0,
    ) -> Dict[str, float]:
        """Learn from a teacher, as components of spaCy 4 do. From a component of the
        same kind as this one: its distribution over all analyses of each document, at
        the temperature that it was calibrated to. From any other component: what it
        annotates. Labels are the same by their names, and the scheme may be another.

        teacher_pipe (Optional[Pipe]): The teacher; None to learn what is annotated in
            `teacher_docs`.
        teacher_docs (Iterable[Doc]): The documents that the teacher analyses, with all
            that components before it have set. They do not change.
        student_docs (Iterable[Doc]): The documents of this component: the same tokens.
        drop (float): The dropout rate.
        sgd (Optional[Optimizer]): The optimizer; None or False to only accumulate
            gradients.
        losses (Optional[Dict[str, float]]): Losses to add to, by component name.
        temperature (float): What the scores of both are divided by while they are
            compared.
        RETURNS (Dict[str, float]): The losses; ours is the Kullback-Leibler divergence
            from the teacher in nats (or the negative log-likelihood of what it
            annotates), summed over the documents.
        RAISES (ValueError): If the tokens of the documents differ, the teacher has
            labels that this component does not have, or it is of another kind.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        theirs, ours = list(teacher_docs), list(student_docs)
        with self._working():
            check_numbers(
                {"temperature": temperature}, {"temperature": DISTILLATION_TEMPERATURE}
            )
            require_same_tokens(theirs, ours)
            if not any(len(doc) for doc in ours):
                return losses
            self._require_built()
            lesson = _lesson_of(teacher_pipe, theirs, temperature)
            self._wake()
            loss_of = partial(lesson.loss, student=self)
            losses[self.name] += learn(self.model, ours, drop, self.tag_set, loss_of)
            if sgd:
                self.finish_update(sgd)
        return losses

    def get_teacher_student_loss(
        self, teacher_scores: Potentials, student_scores: Potentials
    ) -> Tuple[float, Potentials]:
        """Compute how far scores are from those of a teacher, and the gradients.

        teacher_scores (Potentials): The scores of the teacher's model. It must have the
            tags of this component, in their order.
        student_scores (Potentials): The scores of this component's model for the same
            tokens.
        RETURNS (Tuple[float, Potentials]): The Kullback-Leibler divergence of the
            distribution over all analyses from the teacher's in nats, summed over the
            documents, and the gradients of its mean over the documents with respect to
            `student_scores`.
        RAISES (ValueError): If the scores are not for the same documents or the tags of
            this component.
        """
        with self._working():
            tags = self.tag_set
            taught, own = (
                for_crf(scores, tags) for scores in (teacher_scores, student_scores)
            )
            return distillation_loss(taught, tags, own, tags)

    def lesson(self, docs: Union[Doc, Iterable[Doc]]) -> ScoredLesson:
        """Say what a student can learn from this component: the scores of all analyses
        that are possible by the text alone, at its `temperature`.

        docs (Union[Doc, Iterable[Doc]]): The documents, or one.
        RETURNS (ScoredLesson): The scores, in memory of the CPU.
        """
        temperature = self.settings.temperature
        with self._working():
            parts = [
                self.text_lattice(group, scores, temperature).potentials.map(to_numpy)
                for group, scores in self.scored(docs)
            ]
        if not parts:
            raise ValueError(f"Component '{self.name}' is asked about no documents.")
        return ScoredLesson(join(parts), self.tag_set)

    @contextmanager
    def learning_from(self, teacher: Teacher, weight: float = 1.0) -> Iterator[None]:
        """Make a context in which `update` learns from a teacher, such as one of
        `spacy_crf_tagger.pipeline.teachers`, beside the annotation or in its place. A
        document without any annotation is learned from the teacher alone.

        teacher (Teacher): The teacher.
        weight (float): The share of the teacher in the loss, above 0 and up to 1; the
            rest is that of the annotation.
        RAISES (ValueError): If the weight is not allowed.
        """
        with self._working():
            check_numbers({"weight": weight}, {"weight": TEACHER_SHARE})
        before = self._teaching
        self._teaching = Teaching(teacher, weight)
        try:
            yield
        finally:
            self._teaching = before

    def _training_loss(self, examples: Sequence[Example]) -> LossOf:
        """RETURNS (LossOf): What differs from the annotation and from the teacher."""
        if self._teaching is None:
            return self._annotation_loss(examples)
        return self._taught_loss(examples, self._teaching)

    def _annotation_loss(self, examples: Sequence[Example]) -> LossOf:
        """Read annotation, and add labels that are new, as `ner` does.

        RETURNS (LossOf): What the annotation costs.
        """
        annotation = self.read_annotation(examples)
        if annotation.new_labels:
            for label in annotation.new_labels:
                self.add_label(label)
            annotation = self.read_annotation(examples)
        return partial(self._loss, [each.predicted for each in examples], annotation)

    def _loss(
        self, docs: Sequence[Doc], annotation: Annotation, potentials: Potentials
    ) -> Tuple[float, Potentials]:
        with naming_document(docs, self.advice):
            return self.loss(annotation, potentials)

    def _taught_loss(self, examples: Sequence[Example], teaching: Teaching) -> LossOf:
        docs = [example.predicted for example in examples]
        lesson = teaching.teacher.lesson(docs)
        taught: LossOf = partial(lesson.loss, student=self)
        parts = [(teaching.weight, taught)]
        annotated = self._annotated(examples) if teaching.weight < 1 else []
        if annotated:
            loss_of = self._annotation_loss([examples[number] for number in annotated])
            numbers = np.array(annotated, dtype=np.int64)
            parts.append((1 - teaching.weight, of_documents(numbers, loss_of)))
        return weighted_sum(parts)

    def _annotated(self, examples: Sequence[Example]) -> List[int]:
        """RETURNS (List[int]): The numbers of the examples that have annotation."""
        known = self.known_tags(examples) != UNKNOWN
        limits = np.cumsum([len(example.predicted) for example in examples])[:-1]
        return [
            number
            for number, own in enumerate(np.split(known, limits))
            if own.any() or len(examples[number].reference.spans)
        ]


def _lesson_of(pipe: Any, docs: List[Doc], temperature: float) -> Lesson:
    if isinstance(pipe, Student):
        return pipe.lesson(docs)._replace(temperature=temperature)
    if pipe is not None:
        docs = [pipe(doc.copy()) for doc in docs]
    return AnnotatedLesson([docs])


def join(parts: Sequence[Potentials]) -> Potentials:
    """Put the scores of groups of documents together.

    parts (Sequence[Potentials]): The scores of each group, by one model; at least one.
    RETURNS (Potentials): The scores of all documents.
    """
    # One without tokens knows no transitions.
    scored = max(parts, key=lambda part: len(part.emissions))
    return scored._replace(
        emissions=np.concatenate([part.emissions for part in parts]),
        lengths=np.concatenate([part.lengths for part in parts]),
    )


def require_same_tokens(theirs: Sequence[Doc], ours: Sequence[Doc]) -> None:
    """Check that documents are divided into the same tokens.

    theirs (Sequence[Doc]): Documents of a teacher.
    ours (Sequence[Doc]): Those of a student.
    RAISES (ValueError): If they are not; names the first that differs.
    """
    if len(theirs) != len(ours):
        raise ValueError(
            f"there are {len(theirs)} documents of the teacher, but {len(ours)} of the "
            "student."
        )
    for number, (doc, own) in enumerate(zip(theirs, ours, strict=True)):
        if [token.text for token in doc] != [token.text for token in own]:
            raise ValueError(
                f"document {number}, {own.text[:80]!r}, has other tokens for the "
                "teacher than for the student. Make both from the same words: "
                "Doc(vocab, words=[…], spaces=[…])."
            )
