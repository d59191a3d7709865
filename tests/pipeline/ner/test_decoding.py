"""From scores to entities: the dial between precision and recall."""

import random
from itertools import pairwise

import numpy as np
import pytest
from spacy.cli.find_threshold import find_threshold
from spacy.tokens import Doc, DocBin
from spacy.util import load_model_from_path
from spacy.vocab import Vocab

from spacy_crf_tagger.crf import TagScheme
from spacy_crf_tagger.crf.risk import LEAST_PROBABILITY
from spacy_crf_tagger.pipeline.documents import group_by_tokens
from spacy_crf_tagger.pipeline.ner.decoding import (
    predict_entities,
)
from spacy_crf_tagger.pipeline.ner.settings import Settings
from tests.helpers.component import (
    TEXTS,
    annotated,
    entities,
    make_examples,
    random_document,
    randomize,
    recognizer,
    trained_nlp,
)
from tests.helpers.objective import (
    LENGTHS,
    both_outputs,
    both_schemes,
    random_potentials,
)
from tests.helpers.span_sets import (
    all_spans,
    analyses_of,
    as_set,
    reset_nlp,
    span_probability,
    span_sets,
)

WORDS = ["We", "left", "New", "York", "\n", "Paris"]
both_decoders = pytest.mark.parametrize("decoder", ["viterbi", "mbr"])


@both_schemes
@both_outputs
def test_best_analyses_are_numbered_by_document(scheme_name, output):
    scheme = TagScheme(["PERSON", "PLACE"], scheme_name)
    potentials = random_potentials(scheme.n_tags, output)
    potentials.emissions[:, 0] += 100.0
    place = scheme.tags.index("U-PLACE" if scheme_name == "biluo" else "B-PLACE")
    potentials.emissions[[0, 4, 7], place] += 200.0
    docs = docs_of_lengths(LENGTHS)
    predictions = predict_entities(potentials, scheme, docs, Settings())
    spans = [prediction.spans for prediction in predictions]
    assert spans == [[(0, 1, 1)], [], [(0, 1, 1)], [(2, 3, 1)]]


def docs_of_lengths(lengths):
    vocab = Vocab()
    return [Doc(vocab, words=["word"] * int(length)) for length in lengths]


@pytest.mark.parametrize(
    ("lengths", "groups"),
    [
        ([], []),
        ([0, 0], [[0, 0]]),
        ([3, 3, 3], [[3], [3], [3]]),
        ([2, 3, 0, 1, 9, 0, 5], [[2, 3, 0], [1], [9], [0, 5]]),
    ],
)
def test_groups_keep_the_order_and_the_limit(lengths, groups):
    docs = docs_of_lengths(lengths)
    found = list(group_by_tokens(docs, 5))
    assert [[len(doc) for doc in group] for group in found] == groups
    assert [doc for group in found for doc in group] == docs


# The threshold


def scored_entities(doc):
    return list(
        zip(doc.spans["crf_ner"], doc.spans["crf_ner"].attrs["scores"], strict=False)
    )


@both_schemes
@pytest.mark.parametrize("threshold", [0.0, 0.15, 0.3, 1.0])
def test_viterbi_keeps_exactly_the_entities_at_least_that_probable(
    scheme_name, threshold
):
    nlp = reset_nlp(scheme_name)
    expected = [
        {(span.start, span.end, span.label_) for span, p in scored if p >= threshold}
        for scored in map(scored_entities, nlp.pipe(TEXTS))
    ]
    recognizer(nlp).cfg["threshold"] = threshold
    docs = list(nlp.pipe(TEXTS))
    assert [as_set(doc.ents) for doc in docs] == expected
    assert [as_set(doc.spans["crf_ner"]) for doc in docs] == expected
    for doc in docs:
        assert all(score >= threshold for _, score in scored_entities(doc))
        assert len(doc.spans["crf_ner"].attrs["scores"]) == len(doc.ents)


@pytest.mark.parametrize("spans_key", ["crf_ner", None])
@both_decoders
def test_threshold_needs_no_span_group(decoder, spans_key):
    nlp = reset_nlp()
    cfg = recognizer(nlp).cfg
    cfg.update(decoder=decoder, threshold=0.25)
    expected = [entities(doc) for doc in nlp.pipe(TEXTS)]
    cfg["spans_key"] = spans_key
    assert [entities(doc) for doc in nlp.pipe(TEXTS)] == expected
    assert sum(map(len, expected)) > 0


@both_schemes
def test_threshold_at_a_score_keeps_that_entity(scheme_name):
    """Of the score as it is written, which has been rounded."""
    nlp = reset_nlp(scheme_name)
    for text in TEXTS:
        recognizer(nlp).cfg["threshold"] = None
        for span, score in scored_entities(nlp(text)):
            recognizer(nlp).cfg["threshold"] = float(score)
            assert as_set([span]) <= as_set(nlp(text).ents)


@both_decoders
def test_presets_stay_whatever_the_threshold(decoder):
    nlp = reset_nlp()
    recognizer(nlp).cfg.update(decoder=decoder, threshold=1.0)
    doc = annotated(nlp, WORDS, [(2, 3, "PLACE"), (3, 4, "NEVER-SEEN")], blocked=[5])
    recognizer(nlp)(doc)
    assert entities(doc) == [(2, 3, "PLACE"), (3, 4, "NEVER-SEEN")]
    assert (doc[5].ent_iob, doc[5].ent_type) == (3, 0)


@both_decoders
def test_spacy_finds_a_threshold(decoder, tmp_path, capsys):
    nlp = trained_nlp()
    ner = recognizer(nlp)
    ner.cfg.update(decoder=decoder, temperature=4.0)
    nlp.to_disk(tmp_path / "model")
    references = [example.reference for example in make_examples(nlp)]
    DocBin(docs=references).to_disk(tmp_path / "dev.spacy")
    best, best_f, by_threshold = find_threshold(
        tmp_path / "model", tmp_path / "dev.spacy", "crf_ner", "threshold", "ents_f",
        n_trials=5,
    )  # fmt: skip
    assert best_f == max(by_threshold.values()) == by_threshold[best]
    assert len(set(by_threshold.values())) > 1
    for threshold, ents_f in by_threshold.items():
        ner.cfg["threshold"] = threshold
        assert nlp.evaluate(make_examples(nlp))["ents_f"] == ents_f
    assert "Threshold" in capsys.readouterr().out


@pytest.mark.parametrize("threshold", [0.3, np.linspace(0, 1, 11)[3], 1, None])
def test_threshold_can_be_saved(threshold, tmp_path):
    nlp = reset_nlp()
    recognizer(nlp).cfg["threshold"] = threshold
    expected = [entities(doc) for doc in nlp.pipe(TEXTS)]
    nlp.to_disk(tmp_path)
    again = load_model_from_path(tmp_path)
    assert recognizer(again).settings.threshold == pytest.approx(threshold)
    assert [entities(doc) for doc in again.pipe(TEXTS)] == expected
    again = trained_nlp().from_bytes(nlp.to_bytes())
    assert [entities(doc) for doc in again.pipe(TEXTS)] == expected


# The set of entities that is best one by one

DOCUMENTS = {
    "plain": ([], []),
    "preset": ([(1, 3, "PLACE")], []),
    "unknown preset": ([(2, 3, "NEVER-SEEN")], [0]),
}


def probabilities_of(ner, doc):
    analyses = analyses_of(ner, doc)
    return {
        span: span_probability(analyses, span)
        for span in all_spans(len(doc), ner.labels)
    }


def worth_of(probabilities, threshold):
    """What is maximised: Σ (P − threshold), or 2 Σ P / (n + expected entities)."""
    if threshold is not None:
        return lambda spans: sum(probabilities[span] - threshold for span in spans)
    expected_number = sum(probabilities.values())
    return lambda spans: (
        2 * sum(probabilities[span] for span in spans) / (len(spans) + expected_number)
    )


@both_schemes
@both_outputs
@pytest.mark.parametrize("threshold", [None, 0.002, 0.1, 0.3, 0.7])
@pytest.mark.parametrize(("spans", "blocked"), DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_mbr_finds_the_best_of_all_sets(scheme_name, output, threshold, spans, blocked):
    ner = recognizer(reset_nlp(scheme_name, output))
    ner.cfg.update(decoder="mbr", threshold=threshold)
    n_found = 0
    for seed in range(3):
        randomize(ner, seed, scale=0.3)
        doc = annotated(ner, WORDS[:5], spans, blocked)
        probabilities = probabilities_of(ner, doc)
        [prediction] = ner.predict(doc)
        found = [(s, e, ner.labels[label]) for s, e, label in prediction.spans]
        worth = worth_of(probabilities, threshold)
        floor = max(threshold or 0.0, LEAST_PROBABILITY)
        probable = {span for span, p in probabilities.items() if p > floor}
        sets = [each for each in span_sets(5, ner.labels) if each <= probable]
        assert worth(found) == pytest.approx(max(map(worth, sets)), abs=1e-6)
        expected = [probabilities[span] for span in found]
        np.testing.assert_allclose(prediction.scores, expected, atol=1e-5)
        n_found += len(found)
    assert n_found or threshold == 0.7


@both_schemes
def test_lower_threshold_of_mbr_expects_more_correct_entities(scheme_name):
    """By the theory of linear programmes both the number of entities and the expected
    number of correct ones grow; what is maximised grows with them.
    """
    nlp = reset_nlp(scheme_name, seed=1)
    ner = recognizer(nlp)
    ner.cfg["decoder"] = "mbr"
    docs = [nlp.make_doc(text) for text in TEXTS]
    thresholds = [0.8, 0.5, 0.3, 0.2, 0.1, 0.05, 0.01, 0.002]
    found = []
    for threshold in thresholds:
        ner.cfg["threshold"] = threshold
        scores = [prediction.scores for prediction in ner.predict(docs)]
        correct = sum(float(each.sum()) for each in scores)
        number = sum(map(len, scores))
        found.append((correct, number, correct - threshold * number))
        assert all((each > threshold - 1e-6).all() for each in scores)
    for higher, lower in pairwise(found):
        assert all(b >= a - 1e-5 for a, b in zip(higher, lower, strict=True))
    assert found[-1][1] > found[0][1]


def test_certain_entities_are_found_by_both_decoders():
    nlp = trained_nlp()
    text = TEXTS[0]
    expected = entities(nlp(text))
    for threshold in (None, 0.5):
        recognizer(nlp).cfg.update(decoder="mbr", threshold=threshold)
        assert entities(nlp(text)) == expected


# Rules


@both_schemes
@both_decoders
@pytest.mark.parametrize("threshold", [None, 0.02])
@pytest.mark.parametrize("presets", ["respect", "ignore"])
def test_rules_hold_for_all_decoders(scheme_name, decoder, threshold, presets):
    nlp = reset_nlp(scheme_name)
    ner = recognizer(nlp)
    ner.cfg.update(decoder=decoder, threshold=threshold, presets=presets)
    rng = random.Random(3)
    n_predicted = 0
    for seed in range(3):
        randomize(ner, seed, scale=0.4)
        docs = [random_document(nlp, rng) for _ in range(30)]
        before = [doc.copy() for doc in docs]
        predictions = ner.predict(docs)
        ner.set_annotations(docs, predictions)
        for old, new, prediction in zip(before, docs, predictions, strict=True):
            for (_, end, _), (start, _, _) in pairwise(prediction.spans):
                assert end <= start
            kept = as_set(old.ents) if presets == "respect" else frozenset()
            assert kept <= as_set(new.ents)
            assert as_set(new.spans["crf_ner"]) == as_set(new.ents) - kept
            for start, end, _ in as_set(new.ents) - kept:
                n_predicted += 1
                assert not new[start].is_space
                assert not new[end - 1].is_space
                assert all(not token.is_sent_start for token in new[start + 1 : end])
            blocked = [t.i for t in old if t.ent_iob == 3 and not t.ent_type]
            still = [t.i for t in new if t.ent_iob == 3 and not t.ent_type]
            assert still == (blocked if presets == "respect" else [])
            assert all(token.ent_iob for token in new)
    assert n_predicted > 20


@both_schemes
@both_decoders
def test_presets_that_are_ignored_have_no_influence(scheme_name, decoder):
    nlp = reset_nlp(scheme_name)
    ner = recognizer(nlp)
    ner.cfg.update(decoder=decoder, presets="ignore")
    expected = ner(Doc(nlp.vocab, words=WORDS))
    spans = [(0, 1, "PERSON"), (2, 4, "NEVER-SEEN")]
    doc = ner(annotated(nlp, WORDS, spans, blocked=[1, 5]))
    assert entities(doc) == entities(expected) != []
    assert [t.ent_iob for t in doc] == [t.ent_iob for t in expected]
    np.testing.assert_allclose(
        doc.spans["crf_ner"].attrs["scores"],
        expected.spans["crf_ner"].attrs["scores"],
        atol=1e-6,
    )
