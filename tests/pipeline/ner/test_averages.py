"""Averaged weights and rehearsal: two ways of spaCy to keep what was learned."""

import numpy as np
import pytest
from thinc.api import Adam

from tests.helpers.component import (
    TRAIN_DATA,
    entities,
    fit,
    make_examples,
    make_nlp,
    marginals_of,
    parameters,
    recognizer,
    trained_nlp,
)

OTHER_DATA = [("We left New York for Paris", {"entities": [(0, 2, "PLACE")]})]


@pytest.fixture
def averaged():
    """A pipeline whose averages differ from its weights, and its optimizer."""
    nlp = trained_nlp()
    optimizer = Adam(0.05, use_averages=True)
    fit(nlp, make_examples(nlp, OTHER_DATA), 5, sgd=optimizer)
    return nlp, optimizer


def assert_weights(ner, expected):
    for name, values in parameters(ner).items():
        np.testing.assert_array_equal(values, expected[name])


def test_averages_are_in_use_inside_the_context_only(averaged):
    nlp, optimizer = averaged
    ner = recognizer(nlp)
    own = parameters(ner)
    shim_id = ner.model.get_ref("scores").shims[0].id
    averages = {name: optimizer.averages[shim_id, name].copy() for name in own}
    assert any((averages[name] != own[name]).any() for name in own)
    with nlp.use_params(optimizer.averages):
        assert_weights(ner, averages)
    assert_weights(ner, own)


def test_averages_decide_predictions_and_files(averaged):
    nlp, optimizer = averaged
    doc = nlp.make_doc("We left New York for Paris")
    ner = recognizer(nlp)
    raw = marginals_of(ner, [doc]).tags
    with nlp.use_params(optimizer.averages):
        average = marginals_of(ner, [doc]).tags
        saved = nlp.to_bytes()
    assert np.abs(average - raw).max() > 1e-3
    np.testing.assert_array_equal(marginals_of(ner, [doc]).tags, raw)
    again = make_nlp().from_bytes(saved)
    loaded = marginals_of(recognizer(again), [again.make_doc(doc.text)]).tags
    np.testing.assert_array_equal(loaded, average)


def test_weights_come_back_after_an_error(averaged):
    nlp, optimizer = averaged
    own = parameters(recognizer(nlp))
    with pytest.raises(KeyError), nlp.use_params(optimizer.averages):
        raise KeyError("evaluation failed")
    assert_weights(recognizer(nlp), own)


def test_training_inside_the_context_would_be_undone_but_after_it_goes_on(averaged):
    nlp, optimizer = averaged
    with nlp.use_params(optimizer.averages):
        nlp.evaluate(make_examples(nlp))
    losses = fit(nlp, make_examples(nlp), 20, sgd=optimizer)
    assert losses[-1]["crf_ner"] < losses[0]["crf_ner"]


def test_no_averages_no_change():
    nlp = trained_nlp()
    own = parameters(recognizer(nlp))
    with nlp.use_params(None), nlp.use_params({}):
        assert_weights(recognizer(nlp), own)
    blank = make_nlp(labels=["A"])
    with blank.use_params({}):
        assert not blank("").ents


# Rehearsal


def drifted_nlp(labels=()):
    """A pipeline that unlearns the places, and would rehearse them."""
    nlp = trained_nlp()
    for label in labels:
        recognizer(nlp).add_label(label)
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.01
    fit(nlp, make_examples(nlp, OTHER_DATA), 10, sgd=optimizer)
    assert (2, 4, "PLACE") not in entities(nlp(OTHER_DATA[0][0]))
    return nlp, optimizer


@pytest.mark.parametrize("scheme", ["biluo", "bio"])
@pytest.mark.parametrize("output", ["crf", "softmax"])
def test_rehearsal_of_an_unchanged_model_has_nothing_to_learn(scheme, output):
    nlp = trained_nlp(scheme, output)
    nlp.resume_training()
    losses = nlp.rehearse(make_examples(nlp))
    assert losses["crf_ner"] == pytest.approx(0.0, abs=1e-4)


def test_rehearsal_brings_predictions_back():
    nlp, optimizer = drifted_nlp()
    raw = [(text, {}) for text, _ in TRAIN_DATA]
    before = parameters(recognizer(nlp))
    losses = [
        nlp.rehearse(make_examples(nlp, raw), sgd=optimizer)["crf_ner"]
        for _ in range(40)
    ]
    assert losses[-1] < losses[0] / 10
    after = parameters(recognizer(nlp))
    assert all((after[name] != before[name]).any() for name in after)
    assert nlp.evaluate(make_examples(nlp))["ents_f"] == 1.0


def test_rehearsal_by_the_component_itself():
    nlp, _ = drifted_nlp()
    ner = recognizer(nlp)
    optimizer = Adam(0.01)
    losses = {"crf_ner": 1000.0}
    assert ner.rehearse(make_examples(nlp), sgd=optimizer, losses=losses) is losses
    first = losses["crf_ner"] - 1000.0
    for _ in range(20):
        losses = ner.rehearse(make_examples(nlp), sgd=optimizer)
    assert losses["crf_ner"] < first / 2


def test_rehearsal_without_an_optimizer_changes_nothing():
    nlp, _ = drifted_nlp()
    before = parameters(recognizer(nlp))
    assert recognizer(nlp).rehearse(make_examples(nlp))["crf_ner"] > 0
    assert_weights(recognizer(nlp), before)


def test_the_teacher_does_not_learn():
    nlp, optimizer = drifted_nlp()
    ner = recognizer(nlp)
    doc = nlp.make_doc(TRAIN_DATA[0][0])
    before = ner._rehearsal_model.predict([doc]).emissions
    for _ in range(5):
        nlp.rehearse(make_examples(nlp), sgd=optimizer)
    np.testing.assert_array_equal(ner._rehearsal_model.predict([doc]).emissions, before)


@pytest.mark.parametrize("when", ["before resuming", "after resuming"])
def test_rehearsal_with_a_label_that_the_teacher_does_not_know(when):
    """The optimizer has seen the weights before they grew."""
    nlp = trained_nlp()
    ner = recognizer(nlp)
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.01
    fit(nlp, make_examples(nlp), 1, sgd=optimizer)
    if when == "before resuming":
        ner.add_label("DOG")
    nlp.resume_training()
    taught = [entities(nlp(text)) for text, _ in TRAIN_DATA]
    if when == "after resuming":
        ner.add_label("DOG")
    assert np.isfinite(nlp.rehearse(make_examples(nlp), sgd=optimizer)["crf_ner"])
    fit(nlp, make_examples(nlp, OTHER_DATA), 10, sgd=optimizer)
    losses = [
        nlp.rehearse(make_examples(nlp), sgd=optimizer)["crf_ner"] for _ in range(40)
    ]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0] / 5
    assert [entities(nlp(text)) for text, _ in TRAIN_DATA] == taught


def test_rehearsal_in_turn_with_updates_keeps_the_old_and_learns_the_new():
    nlp = trained_nlp()
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.01
    new = [("Rex barks", {"entities": [(0, 3, "DOG")]})]
    for _ in range(30):
        nlp.update(make_examples(nlp, new), sgd=optimizer)
        nlp.rehearse(make_examples(nlp), sgd=optimizer)
    assert nlp.evaluate(make_examples(nlp, [*TRAIN_DATA, *new]))["ents_f"] == 1.0


@pytest.mark.parametrize("data", [[], [("", {})], [("", {}), ("", {})]])
def test_rehearsal_of_nothing(data):
    nlp, optimizer = drifted_nlp()
    before = parameters(recognizer(nlp))
    nlp.rehearse(make_examples(nlp, data), sgd=optimizer)
    assert_weights(recognizer(nlp), before)


def test_without_resuming_there_is_nothing_to_rehearse():
    nlp = trained_nlp()
    assert recognizer(nlp).rehearse(make_examples(nlp)) == {}
