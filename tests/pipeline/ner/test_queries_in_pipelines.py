"""All questions to the model: of many documents at once, which stay as they are, before
and after the pipeline has annotated them, at any temperature.
"""

import numpy as np
import pytest
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_crf_tagger.pipeline import base
from tests.helpers.component import TEXTS, annotated, entities, make_nlp, recognizer
from tests.helpers.span_sets import (
    all_spans,
    analyses_of,
    as_set,
    reset_nlp,
    span_probability,
    uncertain_nlp,
)

TEXT = "We left New York for Paris"
# What each document is told, in numbers; `given` makes the argument of the documents.
QUESTIONS = {
    "span_probabilities": lambda ner, docs, given=list: ner.span_probabilities(
        given(docs), [all_spans(min(len(doc), 9), ner.labels) for doc in docs]
    ),
    "tags": lambda ner, docs, given=list: [m.tags for m in ner.marginals(given(docs))],
    "labels": lambda ner, docs, given=list: [
        m.labels for m in ner.marginals(given(docs))
    ],
    "k_best": lambda ner, docs, given=list: [
        [analysis.probability for analysis in analyses]
        for analyses in ner.k_best(given(docs), 3)
    ],
    "sample": lambda ner, docs, given=list: [
        [len(drawn), all(isinstance(e, Span) for ents in drawn for e in ents)]
        for drawn in ner.sample(given(docs), 3)
    ],
}
each_question = pytest.mark.parametrize(
    "question", QUESTIONS.values(), ids=QUESTIONS.keys()
)


@pytest.fixture(params=["biluo", "bio"])
def nlp(request):
    """For tests that change settings only."""
    return reset_nlp(request.param)


@pytest.fixture(scope="module", params=["biluo", "bio"])
def shared_nlp(request):
    """For tests that do not change the pipeline."""
    return uncertain_nlp(request.param)


def assert_same(found, expected, tolerance=1e-5):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=tolerance)


@each_question
def test_one_document_or_several_in_any_groups(question, shared_nlp, monkeypatch):
    ner = recognizer(shared_nlp)
    docs = [shared_nlp.make_doc(text) for text in TEXTS]
    alone = [question(ner, [doc], lambda docs: docs[0])[0] for doc in docs]
    for given in (list, tuple, iter):
        assert_same(question(ner, docs, given), alone)
    for max_tokens in (1, 9, 50):
        monkeypatch.setattr(base, "_MAX_TOKENS", max_tokens)
        assert_same(question(ner, docs), alone)
    assert question(ner, []) == []


@pytest.mark.parametrize("settings", [{}, {"labels": ["A"]}])
def test_empty_documents_need_no_weights(settings):
    ner = recognizer(make_nlp(**settings))
    docs = [Doc(ner.vocab), Doc(ner.vocab)]
    assert [len(each) for each in ner.span_probabilities(docs, [[], []])] == [0, 0]
    width = 1 + 4 * len(ner.labels)
    assert [each.tags.shape for each in ner.marginals(docs)] == [(0, width)] * 2
    assert [each.labels.shape[0] for each in ner.marginals(docs)] == [0, 0]
    assert ner.k_best(docs, 3) == [[((), 1.0)]] * 2
    assert ner.sample(docs, 2) == [[(), ()]] * 2


@each_question
def test_untrained_component_says_so_by_its_name(question):
    nlp = make_nlp(labels=["A"], name="names")
    with pytest.raises(ValueError, match=r"E109.*names"):
        question(recognizer(nlp), [nlp.make_doc("Hello there")])


@each_question
def test_documents_are_not_changed(question, shared_nlp):
    ner = recognizer(shared_nlp)
    docs = [shared_nlp.make_doc(text) for text in TEXTS]
    docs += shared_nlp.pipe(TEXTS)
    docs.append(
        annotated(shared_nlp, TEXT.split(), [(1, 2, "NEVER-SEEN")], blocked=[4])
    )
    before = [doc.to_bytes() for doc in docs]
    groups = [sorted(doc.spans) for doc in docs]
    question(ner, docs)
    assert [doc.to_bytes() for doc in docs] == before
    assert [sorted(doc.spans) for doc in docs] == groups
    assert ner.labels == ("PERSON", "PLACE")


# What counts as known


@each_question
def test_own_predictions_are_not_taken_for_known(question, shared_nlp):
    ner = recognizer(shared_nlp)
    expected = question(ner, [shared_nlp.make_doc(text) for text in TEXTS])
    annotated_docs = list(shared_nlp.pipe(TEXTS))
    assert sum(len(doc.ents) for doc in annotated_docs) > 20
    assert_same(question(ner, annotated_docs), expected)
    again = [Doc(shared_nlp.vocab).from_bytes(doc.to_bytes()) for doc in annotated_docs]
    assert_same(question(ner, again), expected)


@pytest.mark.parametrize("scheme", ["biluo", "bio"])
def test_entities_of_a_ruler_are_known_before_and_after_prediction(scheme):
    nlp = uncertain_nlp(scheme)
    ner = recognizer(nlp)
    ruler = nlp.add_pipe("entity_ruler", first=True)
    ruler.add_patterns([{"label": "PLACE", "pattern": "New York", "id": "Q60"}])
    doc = nlp(TEXT)
    with_ruler = annotated(nlp, TEXT.split(), [(2, 4, "PLACE")])
    analyses = analyses_of(ner, with_ruler)
    candidates = all_spans(6, ner.labels)
    expected = [span_probability(analyses, span) for span in candidates]
    [found] = ner.span_probabilities(doc, [candidates])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found[candidates.index((2, 4, "PLACE"))] == pytest.approx(1.0)
    assert max(p for p in found if p < 0.999) > 0.05
    [[best, *_]] = ner.k_best(doc, 3)
    assert as_set(best.ents) == as_set(doc.ents)
    [known] = [ent for ent in best.ents if ent.start == 2]
    assert known.ent_id_ == "Q60"
    assert all((2, 4, "PLACE") in as_set(ents) for ents in ner.sample(doc, 20)[0])


def test_entities_added_after_prediction_are_known(shared_nlp):
    ner = recognizer(shared_nlp)
    doc = shared_nlp(TEXT)
    kept = [ent for ent in doc.ents if ent.end <= 3]
    doc.ents = [*kept, Span(doc, 3, 5, label="PERSON")]
    analyses = analyses_of(ner, annotated(shared_nlp, TEXT.split(), [(3, 5, "PERSON")]))
    candidates = all_spans(6, ner.labels)
    [found] = ner.span_probabilities(doc, [candidates])
    expected = [span_probability(analyses, span) for span in candidates]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_presets_that_are_ignored_are_not_known(nlp):
    ner = recognizer(nlp)
    ner.cfg["presets"] = "ignore"
    doc = annotated(nlp, TEXT.split(), [(0, 2, "PERSON"), (3, 4, "X")], blocked=[5])
    candidates = all_spans(6, ner.labels)
    free = analyses_of(ner, nlp.make_doc(TEXT))
    expected = [span_probability(free, span) for span in candidates]
    [found] = ner.span_probabilities(doc, [candidates])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    [[best]] = ner.k_best(doc, 1)
    assert free[as_set(best.ents)] == pytest.approx(max(free.values()))


def test_merged_tokens_are_no_obstacle(shared_nlp):
    """`merge_entities` moves tokens, but not the spans of groups."""
    doc = shared_nlp(TEXT)
    assert doc.ents[-1].end == len(doc)
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:2])
    assert len(recognizer(shared_nlp).marginals(doc)[0].tags) == 5


# Temperature


@pytest.mark.parametrize("temperature", [0.3, 1.7, 40.0])
def test_temperature_divides_all_scores(nlp, temperature):
    ner = recognizer(nlp)
    before = entities(nlp(TEXT))
    ner.cfg["temperature"] = temperature
    doc = nlp(TEXT)
    assert entities(doc) == before != []
    analyses = analyses_of(ner, nlp.make_doc(TEXT), temperature)
    candidates = all_spans(6, ner.labels)
    [found] = ner.span_probabilities(doc, [candidates])
    expected = [span_probability(analyses, span) for span in candidates]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    scores = doc.spans["crf_ner"].attrs["scores"]
    of_entities = [span_probability(analyses, span) for span in entities(doc)]
    np.testing.assert_allclose(scores, of_entities, atol=1e-5)
    [best] = ner.k_best(doc, 1)[0]
    assert best.probability == pytest.approx(max(analyses.values()), abs=1e-5)


def test_temperature_survives_saving(nlp, tmp_path):
    recognizer(nlp).cfg["temperature"] = 2.5
    expected = nlp(TEXT).spans["crf_ner"].attrs["scores"]
    nlp.to_disk(tmp_path)
    again = make_nlp(recognizer(nlp).scheme.name).from_disk(tmp_path)
    assert recognizer(again).settings.temperature == 2.5
    scores = again(TEXT).spans["crf_ner"].attrs["scores"]
    np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_training_knows_no_temperature(nlp):
    """It is fitted afterwards, and training goes on as if it were not there."""
    ner = recognizer(nlp)
    doc = nlp.make_doc(TEXT)
    reference = annotated(nlp, TEXT.split(), [(2, 4, "PLACE")])
    examples = [Example(doc, reference)]
    scores = ner.model.predict([doc])
    loss, _ = ner.get_loss(examples, scores)
    ner.cfg["temperature"] = 3.0
    assert ner.get_loss(examples, scores)[0] == loss
