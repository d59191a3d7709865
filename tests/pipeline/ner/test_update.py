"""Learning: batches of every kind, gradients, losses, and annotation with gaps."""

import math

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed
from thinc.api import SGD, Adam, RAdam

from tests.helpers.component import (
    TRAIN_DATA,
    annotated,
    entities,
    fit,
    iob,
    make_examples,
    make_nlp,
    parameters,
    recognizer,
    set_parameter,
    small_model,
    trained_nlp,
)

either = pytest.mark.parametrize("factory", ["ner", "crf_ner"])
both_schemes = pytest.mark.parametrize("scheme", ["biluo", "bio"])

BATCHES = {
    "annotated": TRAIN_DATA,
    "nothing to find": [("No names here", {"entities": []})],
    "without annotation": [("Ada left Paris", {})],
    "empty": [("", {"entities": []})],
    "several empty": [("", {}), ("", {"entities": []})],
    "whitespace": [(" \n ", {"entities": []})],
    "one token": [("Paris", {"entities": [(0, 5, "PLACE")]})],
    "everything": [
        ("", {}),
        *TRAIN_DATA,
        ("Ada left Paris", {}),
        ("", {"entities": []}),
        ("Nobody", {"entities": []}),
    ],
}


def tok2vec_gradients(nlp):
    """Those that a listener would send upstream; none, if there was no backprop."""
    tok2vec = recognizer(nlp).model.get_ref("tok2vec")
    return [
        node.get_grad(name)
        for node in tok2vec.walk()
        for name in node.grad_names
        if node.has_grad(name)
    ]


@either
@pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES.keys())
def test_no_batch_is_too_odd(factory, batch):
    nlp = spacy.blank("en")
    nlp.add_pipe(factory)
    optimizer = nlp.initialize(lambda: make_examples(nlp))
    for _ in range(3):
        losses = nlp.update(make_examples(nlp, batch), sgd=optimizer, drop=0.3)
        assert math.isfinite(losses[factory])
    assert all(token.ent_iob for token in nlp("The pipeline still predicts"))


@both_schemes
@pytest.mark.parametrize("output", ["crf", "softmax"])
def test_batch_without_annotation_sends_zeros_upstream(scheme, output):
    """Listeners share an upstream layer, which waits for all of them."""
    nlp = trained_nlp(scheme, output)
    ner = recognizer(nlp)
    before = parameters(ner)
    losses = ner.update(make_examples(nlp, [("Ada left Paris", {}), ("", {})]))
    assert losses["crf_ner"] == 0.0
    gradients = tok2vec_gradients(nlp)
    assert len(gradients) > 2
    assert all((gradient == 0).all() for gradient in gradients)
    for name, values in parameters(ner).items():
        np.testing.assert_array_equal(values, before[name])


def test_annotated_batch_sends_gradients_upstream():
    nlp = trained_nlp()
    data = [("Ada left Paris", {"entities": [(0, 3, "PLACE")]})]
    recognizer(nlp).update(make_examples(nlp, data))
    assert all(np.abs(gradient).sum() > 0 for gradient in tok2vec_gradients(nlp))


@pytest.mark.parametrize("sgd", [None, False])
def test_without_an_optimizer_gradients_accumulate(sgd):
    nlp = trained_nlp()
    ner = recognizer(nlp)
    before = parameters(ner)
    wrong = make_examples(nlp, [("We left", {"entities": [(0, 2, "PLACE")]})])

    def gradient():
        network = ner.model.get_ref("scores").shims[0].built
        return network.emission.weight.grad.numpy().copy()

    ner.update(wrong, sgd=sgd)
    once = gradient()
    assert np.abs(once).max() > 1e-4
    ner.predict([nlp.make_doc("Predicting in between does no harm")])
    ner.update(wrong, sgd=sgd)
    np.testing.assert_allclose(gradient(), 2 * once, rtol=1e-5, atol=1e-7)
    for name, values in parameters(ner).items():
        np.testing.assert_array_equal(values, before[name])
    ner.finish_update(SGD(0.5, grad_clip=0.0))
    assert np.abs(gradient()).max() == 0
    step = before["emission.weight"] - parameters(ner)["emission.weight"]
    np.testing.assert_allclose(step, once, rtol=1e-4, atol=1e-6)


@either
def test_losses_are_added_up_under_the_name_of_the_component(factory):
    nlp = spacy.blank("en")
    nlp.add_pipe(factory, name="names")
    optimizer = nlp.initialize(lambda: make_examples(nlp))
    losses = {"names": 100.0, "other": 1.0}
    nlp.update(make_examples(nlp), sgd=optimizer, losses=losses)
    assert losses["names"] > 100.0
    assert losses["other"] == 1.0
    component = nlp.get_pipe("names")
    assert component.update(make_examples(nlp), losses=losses) is losses
    assert component.update([], losses={}) == {"names": 0.0}


def test_loss_is_the_sum_over_documents():
    nlp = make_nlp()
    nlp.initialize(lambda: make_examples(nlp))
    ner = recognizer(nlp)
    together = ner.update(make_examples(nlp))["crf_ner"]
    alone = [ner.update([example])["crf_ner"] for example in make_examples(nlp)]
    assert together == pytest.approx(sum(alone), rel=1e-5)


@either
def test_update_refuses_what_is_not_examples(factory):
    nlp = spacy.blank("en")
    ner = nlp.add_pipe(factory)
    nlp.initialize(lambda: make_examples(nlp))
    for wrong in ([nlp.make_doc("Ada")], [("Ada", {})]):
        with pytest.raises(TypeError):
            ner.update(wrong)


def test_update_leaves_documents_and_annotation_alone():
    nlp = trained_nlp()
    examples = make_examples(nlp)
    before = [(eg.x.to_bytes(), eg.y.to_bytes()) for eg in examples]
    recognizer(nlp).update(examples, sgd=Adam(0.01))
    assert [(eg.x.to_bytes(), eg.y.to_bytes()) for eg in examples] == before


@pytest.mark.parametrize("name", ["emission.weight", "transitions", "start", "end"])
def test_broken_weights_are_reported(name):
    nlp = trained_nlp()
    set_parameter(recognizer(nlp), name, float("nan"))
    with pytest.raises(ValueError, match="NaN"):
        nlp.update(make_examples(nlp))
    with pytest.raises(ValueError, match="NaN"):
        nlp("We left Paris")


@pytest.mark.parametrize("optimizer", [Adam, RAdam, SGD])
def test_any_optimizer_of_thinc(optimizer):
    nlp = make_nlp()
    nlp.initialize(lambda: make_examples(nlp))
    sgd = optimizer(0.02, L2=0.01, grad_clip=1.0)
    losses = fit(nlp, make_examples(nlp), 20, sgd=sgd)
    assert losses[-1]["crf_ner"] < 0.8 * losses[0]["crf_ner"]


def test_transitions_learn_at_a_rate_of_their_own():
    steps = {}
    for scale in (1.0, 10.0):
        nlp = make_nlp(crf_learn_rate_scale=scale)
        nlp.initialize(lambda nlp=nlp: make_examples(nlp))
        before = parameters(recognizer(nlp))
        fit(nlp, make_examples(nlp), 1, sgd=SGD(0.01))
        after = parameters(recognizer(nlp))
        steps[scale] = {name: after[name] - before[name] for name in after}
    for name, step in steps[1.0].items():
        factor = 10.0 if name in ("transitions", "start", "end") else 1.0
        np.testing.assert_allclose(steps[10.0][name], factor * step, rtol=1e-4)


# Dropout


def losses_of(nlp, drop):
    ner = recognizer(nlp)
    losses = [ner.update(make_examples(nlp), drop=drop)["crf_ner"] for _ in range(3)]
    return set(losses)


def test_dropout_follows_the_call():
    nlp = trained_nlp()
    assert len(losses_of(nlp, drop=0.0)) == 1
    assert len(losses_of(nlp, drop=0.5)) == 3
    assert len(losses_of(nlp, drop=0.0)) == 1


@pytest.mark.parametrize(("fixed", "different"), [(0.0, 1), (0.5, 3)])
def test_dropout_of_the_architecture_takes_precedence(fixed, different):
    nlp = make_nlp(dropout=fixed)
    nlp.initialize(lambda: make_examples(nlp))
    fit(nlp, make_examples(nlp), 10)
    for drop in (0.0, 0.3):
        assert len(losses_of(nlp, drop)) == different
    reloaded = make_nlp(dropout=fixed).from_bytes(nlp.to_bytes())
    assert len(losses_of(reloaded, 0.3)) == different


def test_word_dropout_acts_in_training_only():
    nlp = make_nlp(word_dropout=0.5)
    nlp.initialize(lambda: make_examples(nlp))
    fit(nlp, make_examples(nlp), 20)
    assert len(losses_of(nlp, drop=0.0)) == 3
    doc = nlp.make_doc("We left New York")
    first, second = (recognizer(nlp).model.predict([doc]) for _ in range(2))
    np.testing.assert_array_equal(first.emissions, second.emissions)


# Learning


@both_schemes
def test_default_model_learns_two_sentences_in_fifty_updates(scheme):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("crf_ner", config={"scheme": scheme})
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    first, *_, last = fit(nlp, examples, 50, sgd=optimizer, drop=0.0)
    assert last["crf_ner"] < first["crf_ner"] / 50
    assert nlp.evaluate(make_examples(nlp))["ents_f"] == 1.0
    assert entities(nlp("We like Paris.")) == [(2, 3, "PLACE")]


@pytest.mark.parametrize(
    "settings",
    [
        {"depth": 0},
        {"depth": 0, "attention_heads": 0},
        {"depth": 2},
        {"attention_heads": 0},
        {"output": "softmax"},
        {"output": "softmax", "depth": 0, "attention_heads": 0},
    ],
    ids=str,
)
@both_schemes
def test_parts_that_are_left_out_are_not_needed_to_learn(settings, scheme):
    nlp = make_nlp(scheme, **settings)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    first, *_, last = fit(nlp, examples, 60, drop=0.1)
    assert last["crf_ner"] < first["crf_ner"] / 2
    for doc in nlp.pipe(example.x.copy() for example in make_examples(nlp)):
        assert doc.ents
        assert set(iob(doc)) <= {"B", "I", "O"}


@either
def test_labels_of_annotation_are_added_when_they_are_met(factory):
    nlp = spacy.blank("en")
    ner = nlp.add_pipe(factory)
    for label in ["A", "B", "C"]:
        ner.add_label(label)
    nlp.initialize()
    doc = Doc(nlp.vocab, words=["hello", "world"], ents=["B-D", "O"])
    losses = nlp.update([Example(nlp.make_doc(doc.text), doc)])
    assert ner.labels == ("A", "B", "C", "D")
    assert math.isfinite(losses[factory])


@either
def test_annotation_may_come_with_a_vocab_of_its_own(factory):
    nlp = spacy.blank("en")
    ner = nlp.add_pipe(factory)
    ner.add_label("A")
    nlp.initialize()
    other = spacy.blank("en")
    reference = annotated(other, ["hello", "world"], [(0, 1, "ELSEWHERE")])
    nlp.update([Example(Doc(nlp.vocab, words=["hello", "world"]), reference)])
    assert ner.labels == ("A", "ELSEWHERE")
    assert "ELSEWHERE" in nlp.vocab.strings


@either
@pytest.mark.parametrize("in_sample", [True, False])
def test_negated_labels_of_long_ago_are_refused(factory, in_sample):
    nlp = spacy.blank("en")
    nlp.add_pipe(factory).add_label("PERSON")
    examples = make_examples(nlp, [("Who is Ada?", {"entities": [(7, 10, "!PERSON")]})])
    nlp.initialize((lambda: examples) if in_sample else None)
    with pytest.raises(ValueError, match="!"):
        nlp.update(examples)


@both_schemes
@pytest.mark.parametrize(
    ("words", "spans", "sent_starts"),
    [
        (["New", "York"], [(0, 2, "PLACE")], [True, True]),
        (["\n", "York"], [(0, 2, "PLACE")], None),
        (["York", "\n"], [(0, 2, "PLACE")], None),
        (["\n"], [(0, 1, "PLACE")], None),
        (["a", "b"], [(0, 1, "PLACE"), (1, 2, "PLACE")], None),
    ],
    ids=["across sentences", "starts on space", "ends on space", "space", "adjacent"],
)
def test_annotation_that_predictions_avoid_can_still_be_learned_from(
    scheme, words, spans, sent_starts
):
    nlp = trained_nlp(scheme)
    reference = annotated(nlp, words, spans, sent_starts=sent_starts)
    predicted = Doc(nlp.vocab, words=words, sent_starts=sent_starts)
    example = Example(predicted, reference)
    first, *_, last = fit(nlp, [example], 10)
    assert math.isfinite(first["crf_ner"])
    assert last["crf_ner"] < first["crf_ner"]


def test_greetings_with_few_names_are_learned_one_by_one():
    data = [
        ("hey", {"entities": []}),
        ("hello", {"entities": []}),
        ("i look for a place to eat", {"entities": []}),
        ("i look for food in the north of town", {"entities": [(23, 28, "LOCATION")]}),
        ("show me chinese food", {"entities": [(8, 15, "CUISINE")]}),
    ]
    nlp = make_nlp()
    nlp.initialize(lambda: make_examples(nlp, data))
    optimizer = Adam(0.01)
    for _ in range(20):
        for example in make_examples(nlp, data):
            nlp.update([example], sgd=optimizer)
    assert nlp.evaluate(make_examples(nlp, data))["ents_f"] == 1.0


# Annotation with gaps


@both_schemes
def test_missing_tokens_are_left_to_the_model(scheme):
    """The loss of what is known is minus the log of its probability."""
    nlp = trained_nlp(scheme)
    ner = recognizer(nlp)
    words = ["Ada", "Lovelace", "left", "New", "York"]
    outside = annotated(nlp, words, [])
    outside.set_ents([], outside=[outside[2:3]], default="missing")
    place = annotated(nlp, words, [(0, 1, "PLACE")])
    for reference in (outside, place):
        predicted = Doc(nlp.vocab, words=words)
        if reference is outside:
            probability = ner.marginals(predicted)[0].tags[2, 0]
        else:
            [[probability]] = ner.span_probabilities(predicted, [[(0, 1, "PLACE")]])
        loss = ner.update([Example(predicted, reference)])["crf_ner"]
        assert loss == pytest.approx(-math.log(probability), rel=1e-4, abs=1e-5)


@both_schemes
def test_gaps_are_not_learned_as_outside(scheme):
    """Each name is annotated in one sentence and missing in the other."""
    texts = ["We saw Paris and Ada", "I met Ada and Paris"]
    data = [
        (texts[0], {"entities": ["O", "O", "U-PLACE", "O", "-"]}),
        (texts[1], {"entities": ["O", "O", "U-PERSON", "O", "-"]}),
    ]
    nlp = make_nlp(scheme)
    nlp.initialize(lambda: make_examples(nlp, data))
    last = fit(nlp, make_examples(nlp, data), 60)[-1]
    assert last["crf_ner"] < 0.5
    assert entities(nlp(texts[0])) == [(2, 3, "PLACE"), (4, 5, "PERSON")]
    assert entities(nlp(texts[1])) == [(2, 3, "PERSON"), (4, 5, "PLACE")]


# Reproducibility


def train_with_seed(seed):
    fix_random_seed(seed)
    nlp = spacy.blank("en")
    nlp.add_pipe("crf_ner", config={"model": small_model(word_dropout=0.1)})
    optimizer = nlp.initialize(lambda: make_examples(nlp))
    fit(nlp, make_examples(nlp), 5, sgd=optimizer, drop=0.3)
    return recognizer(nlp).to_bytes(exclude=["vocab"])


def test_one_seed_one_result():
    assert train_with_seed(1) == train_with_seed(1)
    assert train_with_seed(1) != train_with_seed(2)


def test_seed_set_after_the_pipeline_is_built_decides():
    """As `spacy train` does: the config is resolved first, weights come later."""
    results = []
    for noise in (3, 4):
        fix_random_seed(noise)
        nlp = spacy.blank("en")
        nlp.add_pipe("crf_ner", config={"model": small_model()})
        fix_random_seed(0)
        nlp.initialize(lambda nlp=nlp: make_examples(nlp))
        results.append(recognizer(nlp).to_bytes(exclude=["vocab"]))
    assert results[0] == results[1]
