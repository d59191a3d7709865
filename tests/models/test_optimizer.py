"""Our Adam beside Thinc's."""

import numpy as np
import pytest
from thinc.api import Adam, Optimizer, registry, warmup_linear

from spacy_crf_tagger.models import kernels
from spacy_crf_tagger.models.optimizer import make_adam

KEY = (0, "W")


def trained(optimizer, n_steps=30, shape=(7, 9), scale=1.0, lr_scale=1.0):
    """RETURNS weights after some steps, and their averages."""
    rng = np.random.default_rng(0)
    weights = rng.normal(size=shape).astype(np.float32)
    for number in range(n_steps):
        gradient = scale * rng.normal(size=shape).astype(np.float32)
        gradient[number % shape[0]] = 0.0
        kept = weights, gradient
        weights, gradient = optimizer(KEY, weights, gradient, lr_scale=lr_scale)
        assert np.shares_memory(weights, kept[0])
        assert np.shares_memory(gradient, kept[1])
        assert not gradient.any()
        optimizer.step_schedules()
    return weights, optimizer.averages[KEY] if optimizer.averages else None


@pytest.fixture
def fused(monkeypatch):
    """How often steps were compiled ones."""
    calls = []
    if kernels.are_available():
        from spacy_crf_tagger.models.kernels import adam

        update = adam.update
        monkeypatch.setattr(adam, "update", lambda *a: (calls.append(1), update(*a)))
    return calls


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"L2": 0.01, "grad_clip": 1.0},
        {"grad_clip": 0.0, "beta1": 0.5, "eps": 1e-4},
        {"L2": 0.0},
    ],
)
def test_steps_are_those_of_thinc(fused, settings, scale):
    found, averages = trained(make_adam(0.002, **settings), scale=scale, lr_scale=0.7)
    expected, theirs = trained(Adam(0.002, **settings), scale=scale, lr_scale=0.7)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(averages, theirs, rtol=1e-5, atol=1e-6)
    assert len(fused) == (30 if kernels.are_available() else 0)


def test_schedules_are_followed():
    weights = [
        trained(make(warmup_linear(0.01, 5, 20)))[0] for make in (make_adam, Adam)
    ]
    np.testing.assert_allclose(*weights, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [
        {"use_averages": False},
        {"L2": 0.1, "L2_is_weight_decay": False},
        {"beta1": 0.0, "beta2": 0.0},
    ],
)
def test_what_is_not_compiled_is_thincs(fused, settings):
    found, _ = trained(make_adam(0.01, **settings))
    expected, _ = trained(Adam(0.01, **settings))
    np.testing.assert_array_equal(found, expected)
    assert not fused


@pytest.mark.parametrize(
    "weights", [np.zeros((0, 3), np.float32), np.ones((4, 6), np.float32)[:, ::2]]
)
def test_what_a_kernel_cannot_update_is_left_to_thinc(fused, weights):
    updated, _ = make_adam(0.01)(KEY, weights, weights.copy())
    assert updated.shape == weights.shape
    assert not fused


def test_arrays_that_cannot_be_written_to_are_left_to_thinc(fused):
    weights = np.ones(3, np.float32)
    weights.flags.writeable = False
    make_adam(0.01)(KEY, weights, weights.copy())
    assert not fused


def test_numbers_that_are_none_go_on_as_with_thinc():
    results = []
    for make in (make_adam, Adam):
        weights, gradient = np.ones(3, np.float32), np.ones(3, np.float32)
        gradient[1] = np.nan
        results.append(make(0.01)(KEY, weights, gradient)[0])
    np.testing.assert_allclose(*results, rtol=1e-6)


def test_configs_have_it():
    settings = {"@optimizers": "spacy_crf_tagger.Adam.v1", "learn_rate": 0.5}
    optimizer = registry.resolve({"optimizer": settings})["optimizer"]
    assert isinstance(optimizer, Optimizer)
    assert optimizer.learn_rate == 0.5
