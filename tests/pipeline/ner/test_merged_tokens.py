"""Tokens that are merged or split behind us: scores follow them, and nothing breaks."""

import numpy as np
import pytest
from spacy.tokens import Doc, DocBin, Span
from spacy.util import load_model_from_config

from spacy_crf_tagger.evaluation.display import displacy_ents, entity_scores
from tests.helpers.component import TEXTS, make_nlp, recognizer, trained_nlp

TEXT = TEXTS[0]  # Ada Lovelace met Grace in Paris.


def scored(doc):
    group = doc.spans["crf_ner"]
    spans = [(span.text, span.label_) for span in group]
    return list(zip(spans, np.round(group.attrs["scores"], 5).tolist(), strict=True))


def make_merging():
    nlp = trained_nlp()
    nlp.add_pipe("merge_entities")
    return nlp


@pytest.fixture(scope="module")
def expected():
    return [scored(doc) for doc in trained_nlp().pipe(TEXTS)]


def test_pipeline_that_merges_entities(expected):
    nlp = make_merging()
    docs = list(nlp.pipe(TEXTS))
    assert [scored(doc) for doc in docs] == expected
    assert max(len(doc.ents[0].text.split()) for doc in docs if doc.ents) == 2
    assert len(docs[0]) == 6
    for doc in docs:
        assert scored(Doc(nlp.vocab).from_bytes(doc.to_bytes())) == scored(doc)
        assert scored(doc.copy()) == scored(doc)
        for key in (doc, doc.copy()):
            assert entity_scores(key) == [s for _, s in scored_exactly(key)]
            assert len(displacy_ents(key)["ents"]) == len(doc.ents)
        doc.to_json()
    stored = DocBin(docs=docs, store_user_data=True).get_docs(nlp.vocab)
    assert [scored(doc) for doc in stored] == expected
    joined = Doc.from_docs(docs)
    assert len(joined.spans["crf_ner"]) == sum(map(len, expected))
    with pytest.raises(ValueError, match=r"no scores\..*Doc\.from_docs"):
        entity_scores(joined)


def scored_exactly(doc):
    group = doc.spans["crf_ner"]
    return list(zip(group, group.attrs["scores"], strict=True))


def test_pipeline_that_merges_entities_in_processes(expected):
    nlp = load_model_from_config(make_merging().config).from_bytes(
        make_merging().to_bytes()
    )
    docs = list(nlp.pipe(TEXTS, n_process=2, batch_size=2))
    assert [scored(doc) for doc in docs] == expected


def test_questions_after_a_merge():
    nlp = make_merging()
    doc = nlp(TEXT)
    ner = recognizer(nlp)
    [[probability]] = ner.span_probabilities(doc, [[(0, 1, "PERSON")]])
    assert 0.0 < probability < 1.0
    again = ner.predict(doc)
    ner.set_annotations(doc, again)
    assert len(doc.spans["crf_ner"]) == len(doc.ents) == 3


def test_entity_whose_border_is_lost_is_dropped():
    nlp = trained_nlp()
    doc = nlp(TEXT)
    before = scored(doc)
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[1:3])  # Lovelace met
    assert scored(doc) == before[1:]
    assert len(doc.spans["crf_ner"]) == 2
    assert doc.spans["crf_ner"].attrs["scores"].shape == (2,)
    assert doc.spans["crf_ner"][0].text == "Grace"


def test_entity_of_a_split_token():
    nlp = trained_nlp()
    doc = nlp(TEXT)
    before = scored(doc)
    with doc.retokenize() as retokenizer:
        retokenizer.split(doc[6 - 1], ["Pa", "ris"], heads=[doc[4], doc[4]])
    assert scored(doc) == before
    assert [len(span) for span in doc.spans["crf_ner"]] == [2, 1, 2]
    Doc(nlp.vocab).from_bytes(doc.to_bytes())


def test_users_can_change_the_group():
    doc = trained_nlp()(TEXT)
    group = doc.spans["crf_ner"]
    group.append(Span(doc, 2, 3, label="PLACE"))
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:2])
    assert [span.text for span in group] == ["Ada Lovelace", "Grace", "Paris", "met"]
    # Nobody knows whose score is missing.
    assert len(group.attrs["scores"]) == 3


def test_single_scores_are_numbers_of_python():
    doc = trained_nlp()(TEXT)
    scores = doc.spans["crf_ner"].attrs["scores"]
    assert scores.dtype == np.float32
    assert [type(score) for score in scores] == [float] * 3
    assert type(scores[0]) is float
    assert scores[:2].shape == scores[scores > 0.0][:2].shape == (2,)
    assert str(list(zip(doc.ents, scores, strict=True))).count("np.") == 0


def test_group_of_a_document_that_is_gone():
    group = trained_nlp()(TEXT).spans["crf_ner"]
    with pytest.raises(RuntimeError, match="E865"):
        len(group)


def test_uninitialised_documents_have_no_group():
    nlp = make_nlp()
    assert "crf_ner" not in nlp.make_doc(TEXT).spans
