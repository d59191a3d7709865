"""Find out what pipelines can teach a component, and load them as its teacher."""

from typing import List, Optional, Sequence, Union

from spacy.language import Language

from ...pipeline.base import CRFPipe
from ...pipeline.tagger.component import CRFTagger
from ...pipeline.teachers import AnnotatingTeacher, Member, ScoringTeacher
from ..loading import load_pipeline

Teacher = Union[ScoringTeacher, AnnotatingTeacher]

_ASSIGNED = {"TAG": "token.tag", "POS": "token.pos"}


def load_teacher(names: Sequence[str], student: CRFPipe, temperature: float) -> Teacher:
    """Load pipelines, or end the command with an error.

    names (Sequence[str]): Names of packages, or paths; at least one.
    student (CRFPipe): The component that learns; it need not be initialised.
    temperature (float): What scores are divided by while they are compared.
    RETURNS (Teacher): One that teaches by its scores, if all pipelines have a component
        of the student's kind; one that teaches by what it annotates, if none has.
    RAISES (ValueError): If it is neither, or a pipeline annotates nothing that the
        student could learn.
    """
    pipelines = [load_pipeline(name) for name in names]
    components = [
        _component_of(name, nlp, student)
        for name, nlp in zip(names, pipelines, strict=True)
    ]
    members = [
        Member(name, nlp, component)
        for name, nlp, component in zip(names, pipelines, components, strict=True)
        if component is not None
    ]
    if len(members) == len(names):
        return ScoringTeacher(members, temperature=temperature)
    if members:
        others = [
            name
            for name, component in zip(names, components, strict=True)
            if component is None
        ]
        raise ValueError(
            f"{members[0].name} has a component like '{student.name}', whose scores "
            f"can be learned, but {others[0]} has none. Distil from teachers of one "
            "kind."
        )
    labels: List[str] = []
    for name, nlp in zip(names, pipelines, strict=True):
        labels += _labels_of(name, nlp, student)
    return AnnotatingTeacher(pipelines, sorted(set(labels)))


def _component_of(name: str, nlp: Language, student: CRFPipe) -> Optional[str]:
    """RETURNS (Optional[str]): The component of the student's kind, if there is one."""
    found = [each for each, pipe in nlp.pipeline if type(pipe) is type(student)]
    if len(found) > 1 and student.name not in found:
        raise ValueError(
            f"{name} has several components like '{student.name}': {found}. Give the "
            "student's the name of the one that is to teach."
        )
    if not found:
        return None
    return student.name if student.name in found else found[0]


def _labels_of(name: str, nlp: Language, student: CRFPipe) -> List[str]:
    """RETURNS (List[str]): The labels of the components that annotate what the student
    predicts, as far as they say.
    """
    assigned: Optional[str] = "doc.ents"
    if isinstance(student, CRFTagger):
        assigned = _ASSIGNED.get(student.attribute)
    if assigned is None:  # an extension attribute, which any component may set
        return []
    found = [
        each for each in nlp.pipe_names if assigned in nlp.get_pipe_meta(each).assigns
    ]
    if not found:
        raise ValueError(
            f"{name} has no component that sets {assigned}, which '{student.name}' is "
            f"to learn; it has {nlp.pipe_names}."
        )
    if assigned == "token.pos":  # the labels of a morphologizer say more than that
        return []
    return [label for each in found for label in nlp.pipe_labels.get(each, [])]
