"""The scores on documents: exact, of the entity they stand by, and there to stay."""

import pickle
import random

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, DocBin

from tests.helpers.component import (
    TEXTS,
    annotated,
    entities,
    fit,
    make_examples,
    make_nlp,
    randomize,
    recognizer,
    small_model,
    trained_nlp,
)
from tests.helpers.span_sets import (
    all_spans,
    analyses_of,
    reset_nlp,
    span_probability,
    tokens_of,
    uncertain_nlp,
)

SHORT = ["We left New York", "Grace met Ada in Paris", "Nobody", "Ada \n Lovelace left"]
WORDS = ["We", "left", "New", "York", "for", "Paris"]
both_schemes = pytest.mark.parametrize("scheme", ["biluo", "bio"])
both_outputs = pytest.mark.parametrize("output", ["crf", "softmax"])


def scores_of(doc, key="crf_ner"):
    """The scores by entity, which must be of the same number."""
    group = doc.spans[key]
    assert set(group.attrs) == {"scores"}
    spans = [(span.start, span.end, span.label_) for span in group]
    return dict(zip(spans, group.attrs["scores"].tolist(), strict=True))


def assert_same_scores(found, expected, tolerance=1e-5):
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, abs=tolerance)


# What is written


@both_schemes
def test_every_predicted_entity_has_its_probability(scheme):
    nlp = reset_nlp(scheme)
    n_entities = 0
    for doc in nlp.pipe(TEXTS):
        assert list(doc.spans) == ["crf_ner"]
        group = doc.spans["crf_ner"]
        assert group.name == "crf_ner"
        assert list(scores_of(doc)) == entities(doc)
        scores = group.attrs["scores"]
        assert scores.dtype == np.float32
        assert ((scores > 0) & (scores <= 1)).all()
        [asked] = recognizer(nlp).span_probabilities(doc, [group])
        np.testing.assert_allclose(scores, asked, atol=1e-6)
        n_entities += len(group)
    assert n_entities > 20


@both_schemes
@both_outputs
@pytest.mark.parametrize("decoder", ["viterbi", "mbr"])
def test_scores_equal_the_enumeration(scheme, output, decoder):
    nlp = reset_nlp(scheme, output)
    ner = recognizer(nlp)
    ner.cfg["decoder"] = decoder
    n_entities = 0
    for seed in range(4):
        randomize(ner, seed, scale=0.25)
        for doc in nlp.pipe(SHORT):
            analyses = analyses_of(ner, nlp.make_doc(doc.text))
            for span, score in scores_of(doc).items():
                expected = span_probability(analyses, span)
                assert score == pytest.approx(expected, abs=1e-5)
                n_entities += 1
    assert n_entities > 10


def test_known_by_heart_is_nearly_certain():
    scores = scores_of(trained_nlp()(TEXTS[0]))
    assert len(scores) == 3
    assert min(scores.values()) > 0.8


def test_without_a_key_nothing_is_written():
    nlp = spacy.blank("en")
    nlp.add_pipe("crf_ner", config={"spans_key": None, "model": small_model()})
    nlp.initialize(lambda: make_examples(nlp))
    fit(nlp, make_examples(nlp), 30)
    docs = list(nlp.pipe(TEXTS))
    assert all(not doc.spans for doc in docs)
    assert entities(docs[0])


def test_key_can_be_chosen():
    nlp = reset_nlp()
    expected = [scores_of(doc) for doc in nlp.pipe(TEXTS)]
    recognizer(nlp).cfg["spans_key"] = "Namen & so"
    docs = list(nlp.pipe(TEXTS))
    assert all(list(doc.spans) == ["Namen & so"] for doc in docs)
    assert docs[0].spans["Namen & so"].name == "Namen & so"
    assert [scores_of(doc, "Namen & so") for doc in docs] == expected


@pytest.mark.parametrize("key", ["people", "crf_ner"])
def test_two_recognizers_with_keys_of_their_own_or_one(key):
    nlp = trained_nlp()
    other = make_nlp()
    data = [("We left New York for Paris", {"entities": [(0, 2, "WHO")]})]
    other.initialize(lambda: make_examples(other, data))
    fit(other, make_examples(other, data), 30)
    recognizer(other).cfg["spans_key"] = key
    of_first = scores_of(nlp(data[0][0]))
    nlp.add_pipe("crf_ner", name="second", source=other)
    doc = nlp(data[0][0])
    of_second = scores_of(doc, key)
    assert (0, 1, "WHO") in of_second
    if key == "crf_ner":
        assert of_second.items() >= of_first.items()
    else:
        assert scores_of(doc) == of_first
        assert len(of_second) == 1


@pytest.mark.parametrize("decoder", ["viterbi", "mbr"])
def test_empty_document_gets_an_empty_group(decoder):
    nlp = reset_nlp()
    recognizer(nlp).cfg["decoder"] = decoder
    alone = nlp("")
    among_others = list(nlp.pipe(["", "Grace met Ada", "", ""]))
    for doc in [alone, among_others[0], *among_others[2:]]:
        assert scores_of(doc) == {}
        assert doc.spans["crf_ner"].attrs["scores"].dtype == np.float32
    assert scores_of(among_others[1])


def test_document_without_entities_gets_an_empty_group():
    doc = trained_nlp()(" \n")
    assert entities(doc) == []
    assert scores_of(doc) == {}


def test_other_groups_stay():
    nlp = reset_nlp()
    doc = nlp.make_doc(TEXTS[0])
    doc.spans["mine"] = [doc[0:2]]
    doc.spans["crf_ner"] = [doc[0:1], doc[3:4]]
    nlp(doc)
    assert [span.text for span in doc.spans["mine"]] == ["Ada Lovelace"]
    assert list(scores_of(doc)) == entities(doc)


def test_evaluation_and_other_readers_do_not_mind_the_group():
    nlp = trained_nlp()
    assert nlp.evaluate(make_examples(nlp))["ents_f"] == 1.0
    doc = nlp(TEXTS[0])
    starts = [span["start"] for span in doc.to_json()["spans"]["crf_ner"]]
    assert starts == [ent.start_char for ent in doc.ents]


# They stay


def through_docbin(doc):
    data = DocBin(docs=[doc]).to_bytes()
    [again] = DocBin().from_bytes(data).get_docs(spacy.blank("en").vocab)
    return again


@pytest.mark.parametrize(
    "copy",
    [
        lambda doc: Doc(doc.vocab).from_bytes(doc.to_bytes()),
        through_docbin,
        lambda doc: pickle.loads(pickle.dumps(doc)),
        lambda doc: doc.copy(),
    ],
    ids=["bytes", "DocBin", "pickle", "copy"],
)
def test_scores_survive(copy):
    nlp = reset_nlp()
    for doc in nlp.pipe(TEXTS):
        again = copy(doc)
        assert scores_of(again) == scores_of(doc)
        assert again.spans["crf_ner"].attrs["scores"].dtype == np.float32
        assert entities(again) == entities(doc)


# What they depend on


@both_schemes
def test_scores_do_not_depend_on_the_batch(scheme):
    nlp = reset_nlp(scheme)
    rng = random.Random(0)
    texts = [*TEXTS, *(" ".join(rng.choices(WORDS, k=k)) for k in [1, 0, 90, 5, 30])]
    alone = [scores_of(nlp(text)) for text in texts]
    for batch_size in (2, 5, 1000):
        docs = nlp.pipe(texts, batch_size=batch_size)
        assert_same_scores(map(scores_of, docs), alone)
    docs = nlp.pipe(reversed(texts))
    assert_same_scores(map(scores_of, docs), reversed(alone))
    for text, scores in zip(texts, alone, strict=True):
        [_, doc, _] = nlp.pipe(["Paris " * 40, text, "Ada met Grace"])
        assert_same_scores([scores_of(doc)], [scores])


def test_scores_of_documents_longer_than_the_window():
    nlp = make_nlp(window=24, overlap=6)
    nlp.initialize(lambda: make_examples(nlp))
    fit(nlp, make_examples(nlp), 5)
    [doc] = nlp.pipe([Doc(nlp.vocab, words=WORDS * 100)])
    scores = np.array(list(scores_of(doc).values()))
    assert len(scores) == len(doc.ents) > 20
    assert ((scores >= 0) & (scores <= 1)).all()
    [everywhere] = recognizer(nlp).span_probabilities(
        doc, [[(0, len(doc), "PLACE"), (0, 1, "PLACE"), (599, 600, "PLACE")]]
    )
    assert ((everywhere >= 0) & (everywhere <= 1)).all()


@both_schemes
def test_adding_a_label_leaves_scores_alone(scheme):
    nlp = uncertain_nlp(scheme)
    before = [scores_of(doc) for doc in nlp.pipe(TEXTS)]
    recognizer(nlp).add_label("NEW")
    assert_same_scores(map(scores_of, nlp.pipe(TEXTS)), before, tolerance=1e-6)
    doc = nlp.make_doc(SHORT[0])
    candidates = all_spans(len(doc), ["NEW"])
    assert not recognizer(nlp).span_probabilities(doc, [candidates])[0].any()


@both_schemes
def test_second_run_changes_nothing(scheme):
    nlp = reset_nlp(scheme)
    for text in TEXTS:
        doc = nlp(text)
        found, scores = entities(doc), scores_of(doc)
        nlp(doc)
        assert entities(doc) == found
        assert_same_scores([scores_of(doc)], [scores])


def test_second_run_after_tokens_were_merged():
    """`merge_entities` moves tokens, but not the spans of groups."""
    nlp = trained_nlp()
    nlp.add_pipe("merge_entities")
    doc = nlp("We left New York for Paris")
    assert entities(doc) == [(2, 3, "PLACE"), (4, 5, "PLACE")]
    nlp(doc)
    assert entities(doc) == [(2, 3, "PLACE"), (4, 5, "PLACE")]


@pytest.mark.parametrize("decoder", ["viterbi", "mbr"])
@pytest.mark.parametrize("parameter", ["emission.bias", "transitions"])
def test_broken_weights_are_named(decoder, parameter):
    nlp = reset_nlp()
    ner = recognizer(nlp)
    ner.cfg["decoder"] = decoder
    network = ner.model.get_ref("scores").shims[0].built
    [values] = [v for name, v in network.named_parameters() if name.endswith(parameter)]
    values.data.fill_(float("nan"))
    doc = nlp.make_doc("We left")
    questions = [
        lambda: nlp(doc),
        lambda: ner.span_probabilities(doc, [[(0, 1, "PLACE")]]),
        lambda: ner.marginals(doc),
        lambda: ner.k_best(doc, 2),
        lambda: ner.sample(doc, 2),
    ]
    for question in questions:
        with pytest.raises(ValueError, match=r"'crf_ner'.*NaN"):
            question()
    assert not doc.spans


# Presets

PRESETS = [
    ([(2, 4, "PLACE")], []),
    ([(0, 1, "PERSON"), (1, 2, "PERSON")], []),
    ([(2, 3, "NEVER-SEEN")], []),
    ([], [1, 4]),
    ([(3, 5, "PERSON")], [0]),
    ([(0, 5, "PERSON")], []),
]
five_words = pytest.mark.parametrize(("spans", "blocked"), PRESETS)


def is_compatible(found, spans, blocked, known):
    others = found - set(spans)
    decided = tokens_of(spans) | set(blocked)
    return known <= found and not tokens_of(others) & decided


@both_schemes
@five_words
def test_scores_are_conditional_on_presets_which_have_none(scheme, spans, blocked):
    nlp = reset_nlp(scheme, seed=2)
    ner = recognizer(nlp)
    known = {span for span in spans if span[2] in ner.labels}
    free = analyses_of(ner, Doc(nlp.vocab, words=WORDS[:5]))
    joint = {
        found: probability
        for found, probability in free.items()
        if is_compatible(found, spans, blocked, known)
    }
    p_presets = sum(joint.values())
    doc = ner(annotated(nlp, WORDS[:5], spans, blocked))
    scores = scores_of(doc)
    assert set(scores) == set(entities(doc)) - set(spans)
    for span, score in scores.items():
        conditional = span_probability(joint, span) / p_presets
        assert score == pytest.approx(conditional, abs=1e-5)
    doc = annotated(nlp, WORDS[:5], spans, blocked)
    candidates = all_spans(5, ner.labels)
    [asked] = ner.span_probabilities(doc, [candidates])
    np.testing.assert_allclose(
        asked,
        [span_probability(joint, each) / p_presets for each in candidates],
        atol=1e-5,
    )


@both_schemes
def test_conditional_scores_differ_from_free_ones(scheme):
    """The tests before would be idle if presets had no influence."""
    ner = recognizer(reset_nlp(scheme, seed=2))
    candidates = all_spans(5, ner.labels)
    docs = [annotated(ner, WORDS[:5], *PRESETS[n]) for n in (0, 3)]
    docs.append(Doc(ner.vocab, words=WORDS[:5]))
    first, second, free = ner.span_probabilities(docs, [candidates] * 3)
    assert np.abs(first - free).max() > 0.05
    assert np.abs(second - free).max() > 0.05
