"""Entities with their scores, as displaCy and `spacy crf show` present them."""

import numpy as np
import pytest
import spacy
from spacy import displacy
from spacy.tokens import Doc, Span

from spacy_crf_tagger.evaluation.display import displacy_ents, entity_scores
from tests.helpers.component import TEXTS, recognizer, trained_nlp


def test_every_predicted_entity_has_its_score():
    doc = trained_nlp()(TEXTS[0])
    assert len(doc.ents)
    np.testing.assert_array_equal(
        np.array(entity_scores(doc), dtype=np.float32),
        doc.spans["crf_ner"].attrs["scores"],
    )


def test_entities_of_others_have_none():
    nlp = trained_nlp()
    doc = Doc(nlp.vocab, words=["We", "left", "New", "York", "for", "Paris"])
    doc.set_ents([Span(doc, 2, 4, label="UNHEARD")], default="missing")
    scores = entity_scores(recognizer(nlp)(doc))
    assert [ent.label_ for ent in doc.ents] == ["UNHEARD", "PLACE"]
    assert scores[0] is None
    assert 0 < scores[1] <= 1


def test_displacy_shows_labels_and_scores():
    doc = trained_nlp()(TEXTS[0])
    doc.user_data["title"] = "A title"
    html = displacy.render(displacy_ents(doc), style="ent", manual=True, jupyter=False)
    assert "A title" in html
    for ent, score in zip(doc.ents, entity_scores(doc), strict=True):
        assert ent.text in html
        assert ent.label_ in html
        assert f">{score:.2f}<" in html


def test_colours_still_go_by_label():
    ents = displacy_ents(trained_nlp()(TEXTS[0]))["ents"]
    assert {ent["label"] for ent in ents} <= {"PERSON", "PLACE"}


def test_document_without_scores_is_an_error():
    doc = spacy.blank("en")("Ada")
    with pytest.raises(ValueError, match=r"'crf_ner' with scores, only \[\]"):
        displacy_ents(doc)
    doc.spans["others"] = [doc[0:1]]
    with pytest.raises(ValueError, match=r"'others' of the document has no scores\."):
        entity_scores(doc, "others")


def test_a_repeated_prediction_keeps_the_scores():
    nlp = trained_nlp()
    doc = nlp(TEXTS[0])
    before = entity_scores(doc)
    assert entity_scores(nlp(doc)) == before
    assert len(doc.spans["crf_ner"]) == len(doc.ents)
