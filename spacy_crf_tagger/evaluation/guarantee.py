"""Candidates of entities with a guarantee about those that are missed."""

from functools import partial
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import ENT_IOB, IS_SPACE
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import minibatch

from ..pipeline.ner.component import CRFEntityRecognizer
from .calibration import analyse_examples, find_component
from .risk_control import ControlledFloor, UncontrollableError, control_floor

# Below this no span is looked at, unless a user wants it.
LEAST_FLOOR = 1e-4
_BATCH = 64


class EntityProbabilities(NamedTuple):
    """The annotated entities of a document.

    probabilities (NDArray[float64]): The probability of each, [E]; 0 for those that the
        pipeline cannot find: of a label that it does not have, or not between tokens.
    labels (List[str]): The label of each.
    """

    probabilities: NDArray[np.float64]
    labels: List[str]

    def of(self, label: str) -> NDArray[np.float64]:
        """RETURNS (NDArray[float64]): The probabilities of the entities of a label."""
        is_own = np.array([each == label for each in self.labels], dtype=np.bool_)
        return self.probabilities[is_own]


def find_recognizer(
    nlp: Language, name: Optional[str] = None
) -> Tuple[str, CRFEntityRecognizer]:
    """Get a component that recognises entities.

    nlp (Language): The pipeline.
    name (Optional[str]): The name of the component; None for `crf_ner`, or else the
        only one of this plugin that there is.
    RETURNS (Tuple[str, CRFEntityRecognizer]): Its name, and the component.
    RAISES (ValueError): If there is no such component, or it is a tagger.
    """
    name, component = find_component(nlp, name)
    if not isinstance(component, CRFEntityRecognizer):
        raise ValueError(f"'{name}' finds no entities. Name a crf_ner.")
    return name, component


def entity_probabilities(
    nlp: Language, examples: Iterable[Example], name: Optional[str] = None
) -> Iterator[EntityProbabilities]:
    """Compute the probabilities that a component gives to annotated entities, behind
    the components that come before it.

    nlp (Language): The pipeline.
    examples (Iterable[Example]): The annotated documents, which are not kept.
    name (Optional[str]): The name of the component, as for `find_recognizer`.
    YIELDS (EntityProbabilities): The entities of each document.
    RAISES (ValueError): If there is no such component, or a document is not annotated
        as a whole.
    """
    name, ner = find_recognizer(nlp, name)
    not_before = nlp.pipe_names[nlp.pipe_names.index(name) :]
    n_docs = 0
    for batch in minibatch(examples, _BATCH):
        for number, example in enumerate(batch, start=n_docs + 1):
            _require_annotation(example.y, number)
        n_docs += len(batch)
        docs = [eg.x for eg in analyse_examples(nlp, batch, disable=not_before)]
        spans, places = [], []
        for doc, example in zip(docs, batch, strict=True):
            found = _candidates_of(doc, example.y, ner.labels)
            places.append(list(found))
            spans.append(list(found.values()))
        probabilities = ner.span_probabilities(docs, spans)
        for example, own, known in zip(batch, probabilities, places, strict=True):
            every = np.zeros(len(example.y.ents))
            every[known] = own
            yield EntityProbabilities(every, [ent.label_ for ent in example.y.ents])


def _candidates_of(
    doc: Doc, reference: Doc, labels: Iterable[str]
) -> Dict[int, Tuple[int, int, str]]:
    """RETURNS (Dict[int, Tuple[int, int, str]]): First token, token after the last and
    label of the entities that the pipeline can find, by their numbers.
    """
    known = set(labels)
    found = {}
    for number, ent in enumerate(reference.ents):
        span = doc.char_span(ent.start_char, ent.end_char)
        if span is not None and ent.label_ in known:
            found[number] = (span.start, span.end, ent.label_)
    return found


def _require_annotation(doc: Doc, number: int) -> None:
    columns = doc.to_array([ENT_IOB, IS_SPACE]).reshape(-1, 2)
    n_missing = int(((columns[:, 0] == 0) & (columns[:, 1] == 0)).sum())
    if n_missing:
        raise ValueError(
            f"document {number} has {n_missing} tokens without annotation, where "
            "nobody knows what is missed. Annotate documents as a whole, or leave them "
            "out."
        )


def control_floors(
    found: Iterable[EntityProbabilities],
    miss_rate: float,
    *,
    per_label: bool = False,
    least_floor: float = LEAST_FLOOR,
    most_entities: Optional[int] = None,
) -> Dict[str, ControlledFloor]:
    """Find the floors for which few enough entities are missed, as `control_floor`
    does.

    found (Iterable[EntityProbabilities]): The annotated entities of documents.
    miss_rate (float): The expected share of entities that may be missed.
    per_label (bool): Whether each label gets a floor of its own, for a promise about
        each; otherwise there is one floor, for a promise about all entities together.
    least_floor (float): The lowest floor that is possible.
    most_entities (Optional[int]): The most entities that a document can have, for a
        promise about entities in place of documents.
    RETURNS (Dict[str, ControlledFloor]): The floor of each annotated label, by its
        name; or that of all, by the empty string.
    RAISES (ValueError): If the promise cannot be made; names each label that it cannot
        be made for.
    """
    found = list(found)
    control = partial(
        control_floor,
        miss_rate=miss_rate,
        least_floor=least_floor,
        most_entities=most_entities,
    )
    if not per_label:
        return {"": control([each.probabilities for each in found])}
    floors: Dict[str, ControlledFloor] = {}
    failed: List[str] = []
    for label in sorted({label for each in found for label in each.labels}):
        try:
            floors[label] = control([each.of(label) for each in found])
        except UncontrollableError as error:
            failed.append(f"{label}: {error}")
    if failed:
        raise UncontrollableError("\n".join(failed))
    return floors
