import numpy as np
import pytest
from spacy.tokens import Span
from spacy.training import Example

from spacy_crf_tagger.evaluation.guarantee import (
    EntityProbabilities,
    control_floors,
    entity_probabilities,
    find_recognizer,
)
from spacy_crf_tagger.evaluation.risk_control import UncontrollableError, control_floor
from tests.helpers.calibration import make_unsure, sample_annotation
from tests.helpers.component import recognizer
from tests.helpers.tagging import make_unsure_tagger


@pytest.fixture(scope="module")
def nlp():
    return make_unsure()


def example_of(nlp, words, spans, tokens=None):
    """An example whose predicted document may have other tokens."""
    reference = nlp.make_doc(" ".join(words))
    ents = [Span(reference, start, end, label) for start, end, label in spans]
    reference.set_ents(ents, default="outside")
    return Example(
        nlp.make_doc(reference.text) if tokens is None else tokens, reference
    )


def test_probabilities_are_those_of_the_component(nlp):
    examples = sample_annotation(nlp, 1.0, 3)
    found = list(entity_probabilities(nlp, examples))
    assert len(found) == len(examples)
    for example, own in zip(examples, found, strict=True):
        spans = [(ent.start, ent.end, ent.label_) for ent in example.y.ents]
        [expected] = recognizer(nlp).span_probabilities([example.x], [spans])
        assert own.probabilities == pytest.approx(expected, abs=1e-5)
        assert own.labels == [label for _, _, label in spans]
    assert sum(len(own.labels) for own in found)


def test_what_the_pipeline_cannot_find_has_no_probability(nlp):
    merged = nlp.make_doc("Grace left New York")
    with merged.retokenize() as retokenizer:
        retokenizer.merge(merged[2:4])
    spans = [(0, 1, "ANIMAL"), (1, 2, "PLACE"), (2, 3, "PLACE")]
    examples = [example_of(nlp, ["Grace", "left", "New", "York"], spans, merged)]
    [found] = entity_probabilities(nlp, examples)
    assert found.labels == ["ANIMAL", "PLACE", "PLACE"]
    assert found.probabilities[0] == found.probabilities[2] == 0.0
    assert found.probabilities[1] > 0.0


def test_earlier_components_are_known():
    nlp = make_unsure()
    ruler = nlp.add_pipe("entity_ruler", before="crf_ner")
    ruler.add_patterns([{"label": "PLACE", "pattern": "Paris"}])
    examples = [example_of(nlp, ["Grace", "left", "Paris"], [(2, 3, "PLACE")])]
    [found] = entity_probabilities(nlp, examples)
    assert found.probabilities == pytest.approx([1.0])
    assert not examples[0].x.ents


def test_annotation_that_is_missing_is_an_error(nlp):
    good = example_of(nlp, ["Grace", "left"], [(0, 1, "PERSON")])
    reference = nlp.make_doc("Grace left Paris")
    reference.set_ents([Span(reference, 2, 3, "PLACE")], default="missing")
    bad = Example(nlp.make_doc("Grace left Paris"), reference)
    with pytest.raises(ValueError, match="document 2 has 2 tokens without annotation"):
        list(entity_probabilities(nlp, [good, bad]))


def test_a_tagger_finds_no_entities():
    with pytest.raises(ValueError, match="'crf_tagger' finds no entities"):
        find_recognizer(make_unsure_tagger())


def make_found():
    rng = np.random.default_rng(0)
    found = []
    for number in range(60):
        labels = ["PERSON", "PLACE"] if number % 2 else ["PERSON"]
        found.append(EntityProbabilities(rng.random(len(labels)), labels))
    return found


def test_floors_of_labels_are_those_of_their_documents_alone():
    found = make_found()
    floors = control_floors(found, 0.2, per_label=True)
    assert set(floors) == {"PERSON", "PLACE"}
    places = [each.probabilities[1:] for each in found]
    assert floors["PLACE"] == control_floor(places, 0.2, least_floor=1e-4)
    assert floors["PLACE"].n_docs == 30
    [of_all] = control_floors(found, 0.2).values()
    assert of_all.n_entities == 90


def test_labels_without_a_promise_are_named():
    found = make_found()
    with pytest.raises(UncontrollableError, match=r"^PLACE: .* there are 30") as caught:
        control_floors(found, 0.03, per_label=True)
    assert "PERSON" not in str(caught.value)
