"""The objectives as functions of the scores: values, gradients, and their limits."""

import numpy as np
import pytest
from spacy.tokens import Doc
from spacy.training import Example

from spacy_crf_tagger.crf import TagScheme
from spacy_crf_tagger.pipeline.annotation import UNKNOWN
from spacy_crf_tagger.pipeline.losses import rehearsal_loss
from tests.helpers.component import (
    annotated,
    make_examples,
    make_nlp,
    randomize,
    recognizer,
    trained_nlp,
)
from tests.helpers.objective import (
    LENGTHS,
    SCORES,
    assert_gradients,
    both_outputs,
    both_schemes,
    loss_of_tags,
    random_potentials,
    some_tags,
)


@both_schemes
@both_outputs
def test_gradients_of_annotation_are_those_of_the_loss(scheme_name, output):
    scheme = TagScheme(["PERSON", "PLACE"], scheme_name)
    potentials = random_potentials(scheme.n_tags, output)
    tags = some_tags(scheme)
    loss, gradients = loss_of_tags(tags, potentials, scheme)
    assert loss > 0
    assert gradients.emissions.shape == potentials.emissions.shape
    assert_gradients(
        lambda moved: loss_of_tags(tags, moved, scheme)[0], potentials, gradients
    )


@both_schemes
@both_outputs
def test_gradients_of_rehearsal_are_those_of_the_divergence(scheme_name, output):
    scheme = TagScheme(["PERSON", "PLACE"], scheme_name)
    potentials = random_potentials(scheme.n_tags, output, seed=0)
    taught = random_potentials(scheme.n_tags, output, seed=1)
    loss, gradients = rehearsal_loss(taught, potentials, scheme)
    assert loss > 0
    assert_gradients(
        lambda moved: rehearsal_loss(taught, moved, scheme)[0], potentials, gradients
    )


@both_schemes
@both_outputs
def test_divergence_from_itself_is_nothing(scheme_name, output):
    scheme = TagScheme(["PERSON"], scheme_name)
    potentials = random_potentials(scheme.n_tags, output)
    loss, gradients = rehearsal_loss(potentials, potentials, scheme)
    assert loss == pytest.approx(0.0, abs=1e-5)
    assert np.abs(gradients.emissions).max() < 1e-6


@both_outputs
def test_teacher_with_fewer_tags_forbids_the_others(output):
    teacher, student = TagScheme(["PERSON"]), TagScheme(["PERSON", "PLACE"])
    taught = random_potentials(teacher.n_tags, output, seed=1)
    potentials = random_potentials(student.n_tags, output, seed=0)
    loss, gradients = rehearsal_loss(taught, potentials, student)
    assert np.isfinite(loss)
    assert loss > 0
    assert (gradients.emissions[:, teacher.n_tags :] >= 0).all()
    assert gradients.emissions[:, teacher.n_tags :].max() > 0
    assert_gradients(
        lambda moved: rehearsal_loss(taught, moved, student)[0], potentials, gradients
    )


@both_schemes
@both_outputs
def test_without_annotation_there_is_no_loss(scheme_name, output):
    scheme = TagScheme(["PERSON"], scheme_name)
    potentials = random_potentials(scheme.n_tags, output)
    unknown = np.full(int(LENGTHS.sum()), UNKNOWN)
    loss, gradients = loss_of_tags(unknown, potentials, scheme)
    assert loss == 0.0
    for name in SCORES:
        gradient = getattr(gradients, name)
        assert gradient is None or not gradient.any()


def test_softmax_learns_tokens_by_themselves():
    scheme = TagScheme(["PERSON"])
    potentials = random_potentials(scheme.n_tags, "softmax", lengths=np.array([3]))
    tags = np.array([0, UNKNOWN, 4])
    loss, gradients = loss_of_tags(tags, potentials, scheme)
    exps = np.exp(potentials.emissions.astype("float64"))
    probabilities = exps / exps.sum(axis=1, keepdims=True)
    expected = -np.log(probabilities[0, 0]) - np.log(probabilities[2, 4])
    assert loss == pytest.approx(expected, rel=1e-5)
    assert not gradients.emissions[1].any()
    assert gradients.transitions is None


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_broken_scores_are_refused(name, value):
    scheme = TagScheme(["PERSON"])
    potentials = random_potentials(scheme.n_tags)
    getattr(potentials, name).flat[2] = value
    tags = np.zeros(len(potentials.emissions), dtype=int)
    with pytest.raises(ValueError, match=f"{name}.*NaN"):
        loss_of_tags(tags, potentials, scheme)


def test_extreme_scores_give_finite_losses():
    scheme = TagScheme(["PERSON"])
    potentials = random_potentials(scheme.n_tags)
    for name in SCORES:
        getattr(potentials, name)[...] *= 1e4
    tags = some_tags(TagScheme(["PERSON", "PERSON-2"])) % scheme.n_tags
    tags[:] = 0
    loss, gradients = loss_of_tags(tags, potentials, scheme)
    assert np.isfinite(loss)
    assert all(np.isfinite(getattr(gradients, name)).all() for name in SCORES)


# Through the component


@both_schemes
@both_outputs
@pytest.mark.parametrize("settings", [{}, {"depth": 0}, {"window": 4, "overlap": 1}])
def test_network_and_crf_are_one_differentiable_function(scheme_name, output, settings):
    """By finite differences of the loss, also with respect to the token vectors."""
    labels = ["PERSON", "PLACE"]
    nlp = make_nlp(scheme_name, labels=labels, output=output, **settings)
    nlp.initialize()
    ner = recognizer(nlp)
    randomize(ner, seed=0, scale=0.3)
    data = [
        ("We left New York for Paris", {"entities": [(8, 16, "PERSON")]}),
        ("", {}),
        ("Ada left", {}),
    ]
    examples = make_examples(nlp, data)
    tagger = ner.model.get_ref("scores")
    rng = np.random.default_rng(0)
    vectors = [rng.normal(size=(len(eg.x), 16)).astype("float32") for eg in examples]
    potentials, backprop = tagger.begin_update(vectors)
    _, gradients = ner.get_loss(examples, potentials)
    d_vectors = backprop(gradients)
    assert [d.shape for d in d_vectors] == [rows.shape for rows in vectors]
    network = tagger.shims[0].built
    pairs = [(p.data.numpy(), p.grad.numpy()) for p in network.parameters()]
    pairs += zip(vectors, d_vectors, strict=True)
    for values, gradient in pairs:
        direction = rng.normal(size=values.shape).astype("float32")
        original = values.copy()
        losses = []
        for step in (1e-2, -1e-2):
            values[...] = original + step * direction
            losses.append(ner.get_loss(examples, tagger.predict(vectors))[0])
        values[...] = original
        expected = (losses[0] - losses[1]) / 2e-2
        found = len(examples) * float((gradient * direction).sum())
        assert found == pytest.approx(expected, rel=0.01, abs=0.01)


def test_loss_without_an_update():
    nlp = trained_nlp()
    ner = recognizer(nlp)
    examples = make_examples(nlp)
    scores = ner.model.predict([eg.x for eg in examples])
    loss, gradients = ner.get_loss(examples, scores)
    assert loss == pytest.approx(ner.update(examples)["crf_ner"], rel=1e-4)
    assert gradients.emissions.shape == scores.emissions.shape


def test_loss_of_unknown_labels_is_refused():
    nlp = trained_nlp()
    ner = recognizer(nlp)
    reference = annotated(nlp, ["Rex"], [(0, 1, "DOG")])
    example = Example(Doc(nlp.vocab, words=["Rex"]), reference)
    scores = ner.model.predict([example.x])
    with pytest.raises(ValueError, match=r"DOG.*add_label"):
        ner.get_loss([example], scores)
    assert ner.labels == ("PERSON", "PLACE")


def test_loss_of_broken_scores_is_refused():
    nlp = make_nlp()
    nlp.initialize(lambda: make_examples(nlp))
    ner = recognizer(nlp)
    examples = make_examples(nlp)
    scores = ner.model.predict([eg.x for eg in examples])
    scores = scores._replace(emissions=scores.emissions * np.nan)
    with pytest.raises(ValueError, match="NaN"):
        ner.get_loss(examples, scores)
