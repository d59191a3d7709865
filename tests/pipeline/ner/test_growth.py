"""Labels that are added to a trained component, and what the optimizer knows of it."""

import numpy as np
import pytest
from thinc.api import Adam, RAdam

from tests.helpers.component import (
    TEXTS,
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

both_schemes = pytest.mark.parametrize("scheme", ["biluo", "bio"])
MORE_DATA = [
    *TRAIN_DATA,
    ("Rex barks at Ada Lovelace", {"entities": [(0, 3, "DOG"), (13, 25, "PERSON")]}),
]


def assert_same_distribution(ner, docs, before, n_old):
    """The added tags have no probability at all, the others what they had; matrix
    products of another width may round differently.
    """
    now = marginals_of(ner, docs)
    np.testing.assert_allclose(now.log_z, before.log_z, rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(now.tags[:, :n_old], before.tags, rtol=0, atol=1e-5)
    assert (now.tags[:, n_old:] == 0).all()
    np.testing.assert_allclose(
        now.transitions[:n_old, :n_old], before.transitions, rtol=1e-5, atol=1e-5
    )


@both_schemes
@pytest.mark.parametrize("output", ["crf", "softmax"])
@pytest.mark.parametrize("reload", [False, True])
def test_added_labels_change_no_probability(scheme, output, reload):
    nlp = trained_nlp(scheme, output)
    expected = [entities(doc) for doc in nlp.pipe(TEXTS)]
    docs = [nlp.make_doc(text) for text in TEXTS]
    before = marginals_of(recognizer(nlp), docs) if output == "crf" else None
    potentials = recognizer(nlp).model.predict(docs)
    n_old = potentials.emissions.shape[1]
    assert recognizer(nlp).add_label("NEW") == 1
    assert recognizer(nlp).add_label("NEWER") == 1
    if reload:
        nlp = make_nlp(scheme, output=output).from_bytes(nlp.to_bytes())
    ner = recognizer(nlp)
    assert ner.labels == ("PERSON", "PLACE", "NEW", "NEWER")
    assert ner.model.get_dim("nO") == ner.scheme.n_tags
    assert [entities(doc) for doc in nlp.pipe(TEXTS)] == expected
    now = ner.model.predict(docs)
    np.testing.assert_allclose(
        now.emissions[:, :n_old], potentials.emissions, rtol=1e-5, atol=1e-5
    )
    assert (now.emissions[:, n_old:] == -np.inf).all()
    if before is not None:
        assert_same_distribution(ner, docs, before, n_old)


def test_rehearsal_does_not_wake_added_labels():
    """The teacher does not know them, and there is no annotation to learn from."""
    nlp = trained_nlp()
    optimizer = nlp.resume_training()
    recognizer(nlp).add_label("NEW")
    nlp.rehearse(make_examples(nlp), sgd=optimizer)
    docs = [nlp.make_doc(text) for text in TEXTS]
    assert (marginals_of(recognizer(nlp), docs).tags[:, 9:] == 0).all()


@both_schemes
@pytest.mark.parametrize("output", ["crf", "softmax"])
def test_added_label_is_learned_and_the_others_are_kept(scheme, output):
    nlp = trained_nlp(scheme, output)
    ner = recognizer(nlp)
    ner.add_label("DOG")
    fit(nlp, make_examples(nlp, MORE_DATA), 40)
    assert nlp.evaluate(make_examples(nlp, MORE_DATA))["ents_f"] == 1.0
    again = make_nlp(scheme, output=output).from_bytes(nlp.to_bytes())
    assert again.evaluate(make_examples(again, MORE_DATA))["ents_f"] == 1.0


def test_label_is_added_in_the_middle_of_training():
    nlp = make_nlp()
    nlp.initialize(lambda: make_examples(nlp))
    optimizer = Adam(0.01)
    fit(nlp, make_examples(nlp), 20, sgd=optimizer)
    first, *_, last = fit(nlp, make_examples(nlp, MORE_DATA), 30, sgd=optimizer)
    assert recognizer(nlp).labels == ("PERSON", "PLACE", "DOG")
    assert last["crf_ner"] < first["crf_ner"] / 10
    assert nlp.evaluate(make_examples(nlp, MORE_DATA))["ents_f"] == 1.0


def moments_of(ner, optimizer, name):
    """Both moments of a parameter, in its own shape or that before it grew."""
    shim_id = ner.model.get_ref("scores").shims[0].id
    return [moments[shim_id, name] for moments in (optimizer.mom1, optimizer.mom2)]


@both_schemes
def test_moments_of_the_optimizer_grow_along(scheme):
    """A batch without annotation has no gradient, so that moments only fade."""
    nlp = trained_nlp(scheme)
    ner = recognizer(nlp)
    optimizer = Adam(0.01)
    fit(nlp, make_examples(nlp), 3, sgd=optimizer)
    old = {
        name: [
            moment.reshape(values.shape).copy()
            for moment in moments_of(ner, optimizer, name)
        ]
        for name, values in parameters(ner).items()
    }
    assert all(np.abs(first).max() > 0 for first, _ in old.values())
    ner.add_label("DOG")
    ner.update(make_examples(nlp, [("We left", {})]), sgd=optimizer)
    n_old = old["emission.bias"][0].shape[0]
    for name, values in parameters(ner).items():
        grew = values.shape != old[name][0].shape
        assert grew == (values.shape[0] > n_old and name in GROWING)
        for moment, before, fading in zip(
            moments_of(ner, optimizer, name),
            old[name],
            (optimizer.b1, optimizer.b2),
            strict=True,
        ):
            moment = moment.reshape(values.shape).copy()
            block = tuple(slice(size) for size in before.shape)
            np.testing.assert_allclose(moment[block], fading * before, rtol=1e-5)
            moment[block] = 0
            assert (moment == 0).all()


GROWING = ("emission.weight", "emission.bias", "transitions", "start", "end")


@pytest.mark.parametrize("optimizer", [Adam, RAdam])
@pytest.mark.parametrize("use_averages", [False, True])
def test_training_goes_on_after_growth(optimizer, use_averages):
    nlp = trained_nlp()
    ner = recognizer(nlp)
    sgd = optimizer(0.01, use_averages=use_averages)
    fit(nlp, make_examples(nlp), 5, sgd=sgd)
    for label in ("DOG", "CAT"):
        ner.add_label(label)
        with nlp.use_params(sgd.averages or {}):
            assert len(nlp("Rex barks")) == 2
        losses = fit(nlp, make_examples(nlp, MORE_DATA), 10, sgd=sgd)
    assert losses[-1]["crf_ner"] < losses[0]["crf_ner"]
    if use_averages:
        shim_id = ner.model.get_ref("scores").shims[0].id
        for name, values in parameters(ner).items():
            assert sgd.averages[shim_id, name].shape == values.shape
            assert np.isfinite(sgd.averages[shim_id, name]).all()
    fit(nlp, make_examples(nlp, MORE_DATA), 40, sgd=sgd)
    with nlp.use_params(sgd.averages or {}):
        assert nlp.evaluate(make_examples(nlp, MORE_DATA))["ents_f"] == 1.0


def test_growth_keeps_gradients_that_are_not_applied_yet():
    """`spacy train` accumulates gradients over batches, each of which may bring a
    new label.
    """
    nlp = trained_nlp()
    ner = recognizer(nlp)
    wrong = [("We left", {"entities": [(0, 2, "PLACE")]})]
    ner.update(make_examples(nlp, wrong))
    network = ner.model.get_ref("scores").shims[0].built
    expected = network.emission.weight.grad.numpy().copy()
    ner.add_label("DOG")
    ner.update(make_examples(nlp, [("We left", {})]))
    network = ner.model.get_ref("scores").shims[0].built
    gradient = network.emission.weight.grad.numpy()
    np.testing.assert_allclose(gradient[: len(expected)], expected, rtol=1e-5)
