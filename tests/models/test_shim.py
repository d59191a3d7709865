"""The bridge between Thinc and torch: copies, optimizers and files of one network."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from thinc.api import SGD, Adam, Optimizer

from spacy_crf_tagger.models import isolation, kernels
from spacy_crf_tagger.models.network import NetworkConfig
from spacy_crf_tagger.models.shim import ScoreShim
from tests.helpers.component import (
    count_living,
    make_examples,
    make_nlp,
    parameters,
    recognizer,
)

CONFIG = NetworkConfig(
    width_in=6,
    n_tags=5,
    hidden_width=8,
    depth=1,
    attention_heads=2,
    word_dropout=0.0,
    transitions=True,
    window=16,
    overlap=2,
)
LENGTHS = np.array([3, 0, 5])


def make_shim(seed=0, **kwargs):
    torch.manual_seed(seed)
    shim = ScoreShim(**kwargs)
    shim.build(CONFIG)
    return shim


def vectors(requires_grad=False):
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(int(LENGTHS.sum()), 6, generator=generator)
    return values.requires_grad_(requires_grad)


def weights(shim):
    return {
        name: values.detach().numpy().copy()
        for name, values in shim.built.named_parameters()
    }


def take_step(shim, optimizer):
    """One update with a gradient that depends on the scores."""
    scores, backprop = shim.begin_update(vectors(requires_grad=True), LENGTHS, 0.0)
    backprop([score.detach() + 1.0 for score in scores])
    shim.finish_update(optimizer)


def assert_equal(first, second):
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def test_nothing_is_there_before_it_is_built():
    shim = ScoreShim()
    assert shim.network is None
    with pytest.raises(KeyError, match="not initialized"):
        shim.predict(vectors().numpy(), LENGTHS)
    again = ScoreShim().from_bytes(shim.to_bytes())
    assert again.network is None
    shim.to_device("cpu", 0)


def test_predictions_need_no_gradients_and_have_no_dropout():
    shim = make_shim()
    take_step(shim, SGD(0.1))
    first, second = (shim.predict(vectors().numpy(), LENGTHS) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("has_kernels", [True, False])
def test_predictions_follow_the_weights(has_kernels, monkeypatch):
    """Packed weights must not outlive a step, averaging, growth or loading."""
    monkeypatch.setattr(kernels, "are_available", lambda: has_kernels)
    shim, optimizer = make_shim(), Adam(0.1, use_averages=True)
    seen = []

    def look():
        emissions = shim.predict(vectors().numpy(), LENGTHS)[0]
        with torch.inference_mode():
            expected = shim.built(vectors(), LENGTHS)[0]
        np.testing.assert_allclose(emissions, expected, rtol=1e-4, atol=1e-5)
        seen.append(emissions.tobytes())

    look()
    for _ in range(2):
        take_step(shim, optimizer)
        look()
    before = shim.to_bytes()
    for _ in range(2):
        with shim.use_params(optimizer.averages):
            look()
        take_step(shim, optimizer)
        look()
    shim.grow(9)
    look()
    shim.wake()
    look()
    shim.from_bytes(before)
    look()
    assert seen[-1] == seen[2]
    assert len(set(seen)) == len(seen) - 1


@pytest.mark.parametrize("has_instructions", [True, False])
def test_autocast_scores_in_half_precision_where_that_is_faster(
    has_instructions, monkeypatch
):
    monkeypatch.setattr(isolation, "has_instructions", lambda dtype: has_instructions)
    isolation._warn_once.cache_clear()
    shim = make_shim()
    torch.nn.init.normal_(shim.built.emission.weight)
    single = shim.predict(vectors().numpy(), LENGTHS)[0]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half, again = (
                shim.predict(vectors().numpy(), LENGTHS)[0] for _ in range(2)
            )
    assert half.dtype == np.float32
    np.testing.assert_allclose(half, single, atol=0.1)
    np.testing.assert_array_equal(half, again)
    assert (half != single).any() == has_instructions
    told = [str(each.message) for each in caught]
    assert len(told) == (0 if has_instructions else 1)
    assert has_instructions or "asks for bfloat16, for which this processor" in told[0]


def test_gradients_reach_the_vectors():
    shim = make_shim()
    torch.nn.init.normal_(shim.built.emission.weight)
    scores, backprop = shim.begin_update(vectors(requires_grad=True), LENGTHS, 0.0)
    d_vectors = backprop([torch.ones_like(scores[0]), None, None, None])
    assert d_vectors.shape == (8, 6)
    assert (d_vectors.abs().sum(dim=1) > 0).all()


def test_bytes_rebuild_the_network_and_stay_the_same():
    shim = make_shim()
    take_step(shim, SGD(0.1))
    saved = shim.to_bytes()
    again = ScoreShim().from_bytes(saved)
    assert again.built.config == CONFIG
    assert_equal(weights(again), weights(shim))
    assert again.to_bytes() == saved
    take_step(again, SGD(0.1))


def test_grown_network_is_saved_with_what_sleeps():
    shim = make_shim()
    shim.grow(9)
    again = ScoreShim().from_bytes(shim.to_bytes())
    emissions = again.predict(vectors().numpy(), LENGTHS)[0]
    assert (emissions[:, 5:] == -np.inf).all()
    again.wake()
    take_step(again, SGD(0.1))
    assert np.isfinite(again.predict(vectors().numpy(), LENGTHS)[0]).all()


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
def test_exact_copies_have_weights_of_their_own(way):
    shim = make_shim()
    pickled = pickle.dumps(shim)
    again = copy.deepcopy(shim) if way == "deepcopy" else pickle.loads(pickled)
    before = weights(shim)
    assert_equal(weights(again), before)
    take_step(again, SGD(0.1))
    assert_equal(weights(shim), before)


def test_copy_shares_no_state_of_the_optimizer():
    """`Model.copy` copies shims; two copies under one optimizer learn apart."""
    scales = {"learn_rate_scale": 2.0, "crf_learn_rate_scale": 3.0}
    shim = make_shim(**scales)
    optimizer = Adam(0.01)
    for _ in range(3):
        take_step(shim, optimizer)
    twin = shim.copy()
    assert twin.id != shim.id
    fresh = ScoreShim(**scales).from_bytes(shim.to_bytes())
    before = weights(shim)
    take_step(twin, optimizer)
    take_step(fresh, Adam(0.01))
    assert_equal(weights(shim), before)
    assert_equal(weights(twin), weights(fresh))
    assert {key for key, _ in optimizer.mom1} == {shim.id, twin.id}


def test_copied_model_of_a_component_learns_apart():
    nlp = make_nlp()
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    ner = recognizer(nlp)
    optimizer = Adam(0.01)
    ner.update(examples, sgd=optimizer)
    before = parameters(ner)
    docs = [eg.x for eg in examples]
    expected = ner.model.predict(docs)
    twin = ner.model.copy()
    np.testing.assert_array_equal(twin.predict(docs).emissions, expected.emissions)
    potentials, backprop = twin.begin_update(docs)
    backprop(potentials)
    twin.finish_update(optimizer)
    assert_equal(parameters(ner), before)
    np.testing.assert_array_equal(ner.model.predict(docs).emissions, expected.emissions)
    assert (twin.predict(docs).emissions != expected.emissions).any()


def test_second_build_starts_under_a_new_id_and_forgets_the_optimizer():
    nlp = make_nlp(labels=["A"])
    optimizer = nlp.initialize()
    data = [("Ada left", {"entities": [(0, 3, "A")]})]
    nlp.update(make_examples(nlp, data), sgd=optimizer)
    tagger = recognizer(nlp).model.get_ref("scores")
    first = tagger.shims[0].id
    nlp.initialize(sgd=optimizer)
    assert tagger.shims[0].id != first
    assert not any(key == tagger.shims[0].id for key, _ in optimizer.mom1)


def test_parameters_without_a_gradient_are_left_alone():
    shim = make_shim()
    before = weights(shim)
    shim.finish_update(Adam(0.1, L2=1.0))
    assert_equal(weights(shim), before)


@pytest.mark.parametrize("optimizer", [Adam(0.1), SGD(0.1)])
def test_steps_leave_no_tensors_behind(optimizer):
    shim = make_shim()
    take_step(shim, optimizer)
    before = count_living(torch.Tensor)
    for _ in range(3):
        take_step(shim, optimizer)
    assert count_living(torch.Tensor) == before


class OutOfPlace(Optimizer):
    """An optimizer that leaves the weights that it is given alone."""

    def __call__(self, key, weights, gradient, *, lr_scale=1.0):
        return weights - 0.1 * gradient, gradient


def test_weights_of_an_optimizer_that_makes_new_ones_are_taken():
    shims = [make_shim(), make_shim()]
    take_step(shims[0], OutOfPlace(0.1))
    take_step(shims[1], SGD(0.1, grad_clip=0.0))
    for name, expected in weights(shims[1]).items():
        found = weights(shims[0])[name]
        np.testing.assert_allclose(found, expected, rtol=1e-6, err_msg=name)


def is_crf(name):
    return name in ("transitions", "start", "end")


@pytest.mark.parametrize(
    ("network_scale", "crf_scale"), [(1.0, 10.0), (10.0, 1.0), (5.0, 20.0), (0.0, 1.0)]
)
def test_learning_rates_are_scaled(network_scale, crf_scale):
    shim = make_shim()
    scaled = make_shim(learn_rate_scale=network_scale, crf_learn_rate_scale=crf_scale)
    before = weights(shim)
    take_step(shim, SGD(0.001, grad_clip=0.0))
    take_step(scaled, SGD(0.001, grad_clip=0.0))
    for name, values in before.items():
        np.testing.assert_allclose(
            weights(scaled)[name] - values,
            (crf_scale if is_crf(name) else network_scale)
            * (weights(shim)[name] - values),
            rtol=1e-3,
            atol=1e-6,
        )


@pytest.mark.parametrize("way", ["copy", "deepcopy", "pickle", "bytes", "unbuilt"])
def test_copies_learn_at_the_same_rates(way):
    scales = {"learn_rate_scale": 3.0, "crf_learn_rate_scale": 7.0}
    shim = make_shim(**scales)
    again = {
        "copy": shim.copy,
        "deepcopy": lambda: copy.deepcopy(shim),
        "pickle": lambda: pickle.loads(pickle.dumps(shim)),
        "bytes": lambda: ScoreShim(**scales).from_bytes(shim.to_bytes()),
        "unbuilt": shim.unbuilt,
    }[way]()
    if way == "unbuilt":
        assert again.network is None
        again.build(CONFIG)
        again.built.load_state_dict(shim.built.state_dict())
    for each in (shim, again):
        take_step(each, SGD(0.01))
    assert_equal(weights(again), weights(shim))


def test_collected_gradients_are_not_emptied():
    """`Language.rehearse` passes a function that collects gradients for later."""
    shim, direct = make_shim(), make_shim()
    collected = {}

    def collect(key, weights, gradient):
        collected[key] = (weights, gradient)
        return weights, gradient

    collect.learn_rate = 0.1
    take_step(shim, collect)
    take_step(direct, SGD(0.1, grad_clip=0.0))
    optimizer = SGD(0.1, grad_clip=0.0)
    for key, (values, gradient) in collected.items():
        optimizer(key, values, gradient)
    for name, values in weights(direct).items():
        np.testing.assert_allclose(weights(shim)[name], values, rtol=1e-6)


def test_averages_of_another_model_are_not_taken():
    shim, other = make_shim(0), make_shim(1)
    optimizer = Adam(0.1, use_averages=True)
    take_step(other, optimizer)
    before = weights(shim)
    with shim.use_params(optimizer.averages):
        assert_equal(weights(shim), before)


def test_a_message_is_readable_without_running_code():
    """No pickles: a model file from a stranger cannot run anything."""
    saved = make_shim().to_bytes()
    assert isinstance(saved, bytes)
    assert b"torch" not in saved
    with pytest.raises(ValueError, match="damaged"):
        ScoreShim().from_bytes(pickle.dumps({"config": None}))
