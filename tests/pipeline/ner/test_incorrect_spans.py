"""Spans that are known to be no entities: what they cost, and how `ner` reads them."""

import numpy as np
import pytest
import spacy
import torch
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Corpus, Example
from spacy.util import fix_random_seed

from tests.helpers.component import (
    annotated,
    entities,
    fit,
    make_examples,
    make_nlp,
    recognizer,
    small_model,
    trained_nlp,
)
from tests.helpers.span_sets import (
    analyses_of,
    assert_same_gradients,
    differentiate,
    paths_of,
    score_paths,
    span_sets,
    uncertain_nlp,
)

KEY = "wrong"
WORDS = ["We", "left", "New", "York", "today"]
factories = pytest.mark.parametrize("factory", ["ner", "beam_ner", "crf_ner"])
CASES = {
    "one": [(2, 4, "PLACE")],
    "one token": [(0, 1, "PERSON")],
    "last token": [(4, 5, "PERSON")],
    "all tokens": [(0, 5, "PLACE")],
    "several": [(0, 1, "PERSON"), (2, 4, "PLACE"), (4, 5, "PLACE")],
    "overlapping": [(1, 3, "PERSON"), (2, 4, "PERSON"), (0, 5, "PERSON")],
    "two labels": [(2, 4, "PERSON"), (2, 4, "PLACE")],
    "any label": [(2, 4, "")],
    "any label and one of them": [(2, 4, ""), (2, 4, "PLACE"), (3, 4, "")],
    "unknown label": [(2, 4, "NEVER-SEEN")],
    "unknown label beside others": [(2, 4, "NEVER-SEEN"), (2, 3, "PLACE")],
    "none": [],
}
each_case = pytest.mark.parametrize("spans", CASES.values(), ids=CASES.keys())


@pytest.fixture(scope="module", params=["biluo", "bio"])
def ner(request):
    ner = recognizer(uncertain_nlp(request.param))
    ner.cfg["incorrect_spans_key"] = KEY
    return ner


def with_incorrect(reference, spans):
    reference.spans[KEY] = [
        Span(reference, start, end, label=label) for start, end, label in spans
    ]
    return reference


def loss_of(ner, *examples):
    scores = ner.model.predict([example.x for example in examples])
    return ner.get_loss(examples, scores)


def has_it(found, incorrect):
    start, end, label = incorrect
    return any(
        (each[0], each[1]) == (start, end) and label in ("", each[2]) for each in found
    )


def expected_loss(ner, doc, gold, incorrect):
    """−log P(gold) − Σ log(1 − P(span))."""
    analyses = analyses_of(ner, doc, respect=False)
    loss = -np.log(analyses[frozenset(gold)]) if gold is not None else 0.0
    for span in incorrect:
        without = sum(p for found, p in analyses.items() if not has_it(found, span))
        loss -= np.log(without)
    return loss


# The cost


@each_case
@pytest.mark.parametrize("gold", [None, [], [(0, 1, "PLACE"), (1, 2, "PERSON")]])
def test_each_costs_the_log_of_what_is_left(ner, spans, gold):
    doc = Doc(ner.vocab, words=WORDS)
    reference = annotated(ner, WORDS, gold or ())
    if gold is not None:
        reference.set_ents(list(reference.ents), default="outside")
    example = Example(doc, with_incorrect(reference, spans))
    loss, _ = loss_of(ner, example)
    assert loss == pytest.approx(expected_loss(ner, doc, gold, spans), abs=1e-4)
    if gold is None and not [span for span in spans if span[2] != "NEVER-SEEN"]:
        assert loss == 0.0


def test_cost_follows_from_span_probabilities(ner):
    doc = Doc(ner.vocab, words=WORDS)
    spans = [(2, 4, "PLACE"), (1, 3, "PERSON"), (2, 4, "PERSON")]
    example = Example(doc, with_incorrect(Doc(ner.vocab, words=WORDS), spans))
    [probabilities] = ner.span_probabilities(doc, [spans])
    loss, _ = loss_of(ner, example)
    assert loss == pytest.approx(-np.log(1 - probabilities).sum(), abs=1e-5)
    assert ner.update([example])["crf_ner"] == pytest.approx(loss, abs=1e-4)


@each_case
def test_gradients_are_those_of_the_enumeration(ner, spans):
    docs = [Doc(ner.vocab, words=words) for words in (["Ada"], [], WORDS)]
    references = [doc.copy() for doc in docs]
    with_incorrect(references[2], spans)
    with_incorrect(references[0], [(0, 1, "PERSON")])
    potentials = ner.model.predict(docs)
    loss, gradients = ner.get_loss(
        [Example(*pair) for pair in zip(docs, references, strict=True)], potentials
    )

    def enumerated(scores):
        total = 0.0
        for incorrect, doc, row in (
            ([(0, 1, "PERSON")], docs[0], 0),
            (spans, docs[2], 1),
        ):
            paths = paths_of(len(doc), ner.labels, ner.scheme.name)
            of_paths = score_paths(scores, paths, row)
            for span in incorrect:
                left = [
                    not has_it(found, span) for found in span_sets(len(doc), ner.labels)
                ]
                total += torch.logsumexp(of_paths, 0)
                total -= torch.logsumexp(of_paths[left], 0)
        return total

    expected, of_sum = differentiate(enumerated, potentials)
    assert loss == pytest.approx(expected, abs=1e-4)
    assert_same_gradients(gradients, of_sum, 1 / 3)


def test_without_the_setting_they_are_not_looked_at(ner):
    reference = with_incorrect(Doc(ner.vocab, words=WORDS), [(2, 4, "PLACE")])
    example = Example(Doc(ner.vocab, words=WORDS), reference)
    assert loss_of(ner, example)[0] > 0
    ner.cfg["incorrect_spans_key"] = None
    assert loss_of(ner, example)[0] == 0
    ner.cfg["incorrect_spans_key"] = KEY


def test_documents_without_the_group_have_no_cost_and_get_none(ner):
    reference = Doc(ner.vocab, words=WORDS)
    assert loss_of(ner, Example(Doc(ner.vocab, words=WORDS), reference))[0] == 0
    assert list(reference.spans) == []


# Other tokens, other vocabs


def test_spans_are_aligned_with_the_predicted_tokens(ner):
    doc = Doc(ner.vocab, words=["We", "left", "New-York", "today"])
    reference = Doc(
        ner.vocab,
        words=["We", "left", "New-", "York", "today"],
        spaces=[True, True, False, True, True],
    )
    with_incorrect(reference, [(2, 4, "PLACE"), (3, 4, "PLACE"), (3, 5, "PERSON")])
    loss, _ = loss_of(ner, Example(doc, reference))
    # The others cut a predicted token in two, and can be predicted in no way.
    expected = expected_loss(ner, doc, None, [(2, 3, "PLACE")])
    assert loss == pytest.approx(expected, abs=1e-4)


@each_case
def test_annotation_may_have_a_vocab_of_its_own(ner, spans):
    doc = Doc(ner.vocab, words=WORDS)
    vocab = spacy.blank("en").vocab
    data = DocBin(docs=[with_incorrect(Doc(vocab, words=WORDS), spans)]).to_bytes()
    for other in (vocab, spacy.blank("de").vocab):
        [reference] = DocBin().from_bytes(data).get_docs(other)
        loss, _ = loss_of(ner, Example(doc, reference))
        assert loss == pytest.approx(expected_loss(ner, doc, None, spans), abs=1e-4)


def test_they_come_through_a_corpus(ner, tmp_path):
    nlp = spacy.blank("en")
    reference = with_incorrect(nlp.make_doc(" ".join(WORDS)), [(2, 4, "PLACE")])
    DocBin(docs=[reference]).to_disk(tmp_path / "train.spacy")
    [example] = Corpus(tmp_path / "train.spacy")(nlp)
    expected = expected_loss(ner, example.x, None, [(2, 4, "PLACE")])
    assert loss_of(ner, example)[0] == pytest.approx(expected, abs=1e-4)


# Side by side with ner


def who_is_shaka_khan(factory, labels, incorrect):
    """As in spaCy's tests of negative annotation."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    config = {"incorrect_spans_key": KEY}
    if factory == "crf_ner":
        config["model"] = small_model()
    ner = nlp.add_pipe(factory, config=config)
    for label in labels:
        ner.add_label(label)
    doc = nlp.make_doc("Who is Shaka Khan?")
    example = Example.from_dict(doc, {"entities": [(7, 17, "PERSON")]})
    with_incorrect(example.reference, incorrect)
    return nlp, example, nlp.initialize()


@factories
def test_negative_annotation_beside_gold(factory):
    """Of another label, or partly overlapping."""
    incorrect = [(2, 4, "ORG"), (2, 3, "PERSON"), (1, 4, "PERSON")]
    nlp, example, sgd = who_is_shaka_khan(factory, ["PERSON", "ORG"], incorrect)
    sgd.learn_rate = 0.01
    for _ in range(30):
        losses = nlp.update([example], sgd=sgd, losses={})
    assert losses[factory] >= 0
    assert entities(nlp("Who is Shaka Khan?")) == [(2, 4, "PERSON")]


@factories
def test_conflict_with_gold_is_named(factory):
    nlp, example, sgd = who_is_shaka_khan(
        factory, ["PERSON", "LOC"], [(0, 1, "LOC"), (2, 4, "PERSON")]
    )
    for _ in range(2):
        with pytest.raises(ValueError, match=r"E868.*\(7, 17, 'PERSON'\)"):
            nlp.update([example], sgd=sgd, losses={})


@pytest.mark.parametrize("labels", [["LOC"], ["PERSON"]])
@pytest.mark.parametrize("label", ["PERSON", ""])
def test_conflict_is_found_for_new_labels_and_any_label(labels, label):
    nlp, example, sgd = who_is_shaka_khan("crf_ner", labels, [(2, 4, label)])
    with pytest.raises(ValueError, match=r"'crf_ner': .*E868.*\(7, 17, 'PERSON'\)"):
        nlp.update([example], sgd=sgd)


@pytest.mark.parametrize("factory", ["ner", "crf_ner"])
def test_conflict_between_vocabs_is_found(factory):
    nlp, example, sgd = who_is_shaka_khan(factory, ["PERSON"], [(2, 4, "PERSON")])
    data = DocBin(docs=[example.reference]).to_bytes()
    [reference] = DocBin().from_bytes(data).get_docs(spacy.blank("en").vocab)
    with pytest.raises(ValueError, match="E868"):
        nlp.update([Example(example.x, reference)], sgd=sgd)


@factories
def test_conflict_with_other_tokens_is_found(factory):
    nlp, example, sgd = who_is_shaka_khan(factory, ["PERSON"], [(2, 4, "PERSON")])
    words = ["Who", "is", "Sha", "ka", "Khan", "?"]
    spaces = [True, True, False, True, False, False]
    doc = Doc(nlp.vocab, words=words, spaces=spaces)
    with pytest.raises(ValueError, match="E868"):
        nlp.update([Example(doc, example.reference)], sgd=sgd)


# What is learned


@pytest.mark.parametrize("scheme", ["biluo", "bio"])
def test_training_makes_them_improbable_and_leaves_gold(scheme):
    nlp = trained_nlp(scheme)
    ner = recognizer(nlp)
    ner.cfg["incorrect_spans_key"] = KEY
    text, gold, incorrect = (
        "We left New York for Paris",
        (2, 4, "PLACE"),
        (5, 6, "PLACE"),
    )
    doc = nlp.make_doc(text)
    [before] = ner.span_probabilities(doc, [[incorrect, gold]])
    assert before.min() > 0.7
    reference = annotated(nlp, text.split(), [gold])
    with_incorrect(reference, [incorrect])
    fit(nlp, [Example(doc, reference)], 20)
    [after] = ner.span_probabilities(doc, [[incorrect, gold]])
    assert after[0] < 0.1
    assert after[1] > 0.7
    assert entities(nlp(text))[0] == gold
    assert incorrect not in entities(nlp(text))


def test_negatives_alone_teach():
    """Corrections of a reviewer who only ever says no."""
    nlp = make_nlp()
    nlp.initialize(lambda: make_examples(nlp))
    fit(nlp, make_examples(nlp), 40)
    ner = recognizer(nlp)
    ner.cfg["incorrect_spans_key"] = KEY
    doc = nlp("Grace left Paris")
    wrong = entities(doc)[:1]
    assert wrong
    reference = with_incorrect(nlp.make_doc(doc.text), wrong)
    first, *_, last = fit(nlp, [Example(nlp.make_doc(doc.text), reference)], 20)
    assert 0 < last["crf_ner"] < first["crf_ner"] / 5
    assert wrong[0] not in entities(nlp(doc.text))
