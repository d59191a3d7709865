"""Our Adam: the steps of Thinc's, and averages that reach further back."""

import numpy as np
import pytest
from component_helpers import fit, make_examples, parameters, recognizer, trained_nlp
from hypothesis import given
from hypothesis import strategies as st
from spacy.util import registry
from thinc.api import Adam, warmup_linear

from spacy_crf_tagger.optimizer import make_adam

KEY = (1, "W")
NAME = "spacy_crf_tagger.Adam.v1"
SETTINGS = {
    "L2": 0.02,
    "beta1": 0.8,
    "beta2": 0.9,
    "eps": 1e-6,
    "grad_clip": 0.5,
    "L2_is_weight_decay": False,
}


def walk(optimizer, n_steps, seed=0, **kwargs):
    """The weights after each of some steps along random gradients."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(3, 2)).astype("f")
    path = []
    for _ in range(n_steps):
        gradient = rng.normal(size=weights.shape).astype("f")
        weights, gradient = optimizer(KEY, weights, gradient, **kwargs)
        assert not gradient.any()
        path.append(weights.copy())
        optimizer.step_schedules()
    return np.array(path)


@pytest.mark.parametrize("settings", [{}, SETTINGS])
@pytest.mark.parametrize("kwargs", [{}, {"lr_scale": 3.0}])
def test_steps_are_those_of_adam(settings, kwargs):
    theirs = walk(Adam(0.1, use_averages=True, **settings), 5, **kwargs)
    ours = walk(make_adam(0.1, **settings), 5, **kwargs)
    np.testing.assert_array_equal(ours, theirs)


def test_schedules_are_followed():
    def schedule():
        return warmup_linear(0.1, warmup_steps=2, total_steps=6)

    theirs = walk(Adam(schedule(), use_averages=True), 5)
    np.testing.assert_array_equal(walk(make_adam(schedule()), 5), theirs)


@given(n_steps=st.integers(1, 30), seed=st.integers(0, 99))
def test_with_eta_0_the_average_is_the_mean(n_steps, seed):
    optimizer = make_adam(0.1, averages_eta=0.0)
    path = walk(optimizer, n_steps, seed)
    np.testing.assert_allclose(optimizer.averages[KEY], path.mean(0), atol=1e-5)


@given(eta=st.integers(1, 8), n_steps=st.integers(1, 30), seed=st.integers(0, 99))
def test_weights_of_the_average_are_a_rising_polynomial(eta, n_steps, seed):
    """Unrolled, step s has a weight proportional to s (s + 1) … (s + η − 1)."""
    optimizer = make_adam(0.1, averages_eta=eta)
    path = walk(optimizer, n_steps, seed)
    steps = np.arange(1, n_steps + 1)
    share = np.prod([steps + i for i in range(eta)], axis=0, dtype=float)
    expected = np.einsum("s,sij->ij", share / share.sum(), path)
    np.testing.assert_allclose(optimizer.averages[KEY], expected, atol=1e-4)


def test_parameters_have_averages_of_their_own():
    optimizer = make_adam(0.1)
    walk(optimizer, 3)
    before = optimizer.averages[KEY].copy()
    other = np.ones(4, dtype="f")
    optimizer((2, "b"), other, np.ones(4, dtype="f"))
    np.testing.assert_array_equal(optimizer.averages[KEY], before)
    np.testing.assert_array_equal(optimizer.averages[2, "b"], other)
    assert optimizer.averages[2, "b"] is not other


def test_a_parameter_without_numbers_is_left_alone():
    optimizer = make_adam(0.1)
    empty = np.zeros((0, 3), dtype="f")
    weights, gradient = optimizer(KEY, empty, empty.copy())
    assert weights.shape == gradient.shape == (0, 3)
    assert KEY not in optimizer.averages


def test_averages_survive_an_error():
    optimizer = make_adam(0.1)
    walk(optimizer, 2)
    with pytest.raises(ValueError, match="array"):
        optimizer(KEY, np.ones((3, 2), "f"), [1.0])
    assert KEY in optimizer.averages


@pytest.mark.parametrize("eta", [-0.1, float("nan")])
def test_eta_that_is_no_share(eta):
    config = {"@optimizers": NAME, "learn_rate": 0.1, "averages_eta": eta}
    with pytest.raises(ValueError, match="averages_eta must be 0 or more"):
        registry.resolve({"optimizer": config})


def test_all_weights_of_a_pipeline_are_averaged():
    nlp = trained_nlp()
    config = {"@optimizers": NAME, "learn_rate": 0.01}
    optimizer = registry.resolve({"optimizer": config})["optimizer"]
    fit(nlp, make_examples(nlp), 3, sgd=optimizer)
    ner = recognizer(nlp)
    own = parameters(ner)
    with nlp.use_params(optimizer.averages):
        averaged = parameters(ner)
        embedding = next(node for node in ner.model.walk() if node.has_param("E"))
        np.testing.assert_array_equal(
            embedding.get_param("E"), optimizer.averages[embedding.id, "E"]
        )
    assert any((averaged[name] != own[name]).any() for name in own)
