"""How crf_ner and a transformer are trained together, with an encoder that is small."""

import numpy as np
import pytest
import spacy
from spacy.util import load_config
from thinc.api import SGD, Adam

from tests.helpers.component import (
    TEXTS,
    entities,
    fit,
    make_examples,
    marginals_of,
    parameters,
    randomize,
    recognizer,
)
from tests.helpers.transformer import (
    CONFIG,
    DATA,
    gradients_of_encoder,
    make_transformer_nlp,
    save_tiny_encoder,
    weights_of_encoder,
)

pytestmark = pytest.mark.transformers
CRF = ("transitions", "start", "end")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return save_tiny_encoder(tmp_path_factory.mktemp("encoders") / "tiny")


def shapes(text):
    """Something that a tagger can learn."""
    doc = spacy.blank("en").make_doc(text)
    return {"tags": [token.shape_[0] for token in doc]}


TAGS = [(text, shapes(text)) for text, _ in DATA]
BOTH = [(text, {**shapes(text), **annotation}) for text, annotation in DATA]


def make_ready(encoder, *pipes, random_weights=False, **settings):
    nlp = make_transformer_nlp(encoder, *pipes, **settings)
    nlp.initialize(lambda: make_examples(nlp, BOTH))
    if random_weights:  # those of emissions are zero at first, and stop gradients
        randomize(recognizer(nlp), seed=1, scale=0.3)
    return nlp


def accumulate(nlp, *batches):
    """Update without a step. RETURNS the gradients of the encoder and of crf_ner."""
    for batch in batches:
        nlp.update(batch, sgd=False)
    network = recognizer(nlp).model.get_ref("scores").shims[0].built
    own = {
        name: values.grad.numpy().copy() for name, values in network.named_parameters()
    }
    return {**gradients_of_encoder(nlp), **own}


def all_weights(nlp):
    return {**weights_of_encoder(nlp), **parameters(recognizer(nlp))}


def step(nlp, optimizer):
    """Let the optimizer change all weights. RETURNS by how much."""
    before = all_weights(nlp)
    for _, pipe in nlp.pipeline:
        pipe.finish_update(optimizer)
    after = all_weights(nlp)
    return {name: after[name] - values for name, values in before.items()}


def flat(arrays):
    return np.concatenate([arrays[name].ravel() for name in sorted(arrays)])


# One transformer for several components


@pytest.mark.parametrize("other", ["tagger", "ner"])
def test_two_components_learn_on_one_transformer(encoder, other):
    scales = {"learn_rate_scale": 10.0, "crf_learn_rate_scale": 10.0}
    nlp = make_ready(encoder, other, "crf_ner", **scales)
    assert nlp.get_pipe("transformer").listening_components == [other, "crf_ner"]
    before = weights_of_encoder(nlp)
    first, *_, last = fit(nlp, make_examples(nlp, BOTH), 80, sgd=Adam(0.001))
    assert last["crf_ner"] < first["crf_ner"] / 3
    assert last[other] < first[other] / 3
    after = weights_of_encoder(nlp)
    changed = [name for name in before if (after[name] != before[name]).any()]
    assert len(changed) > 30


def test_gradients_of_both_components_reach_the_transformer(encoder):
    nlp = make_ready(encoder, "tagger", "crf_ner", random_weights=True)
    fit(nlp, make_examples(nlp, BOTH), 1, sgd=SGD(0.1))  # the tagger's weights are zero
    gradients = []
    for data in (TAGS, DATA):
        step(nlp, SGD(0.0))  # forgets gradients
        accumulate(nlp, make_examples(nlp, data))
        gradients.append(flat(gradients_of_encoder(nlp)))
        assert np.abs(gradients[-1]).max() > 0.1
    step(nlp, SGD(0.0))
    accumulate(nlp, make_examples(nlp, BOTH))
    both = flat(gradients_of_encoder(nlp))
    np.testing.assert_allclose(both, sum(gradients), rtol=1e-3, atol=1e-5)


# Frozen and annotating


@pytest.mark.parametrize(
    ("settings", "update"),
    [
        ({}, {"exclude": ["transformer"], "annotates": ["transformer"]}),
        ({"grad_factor": 0.0}, {}),
        ({"grad_factor": 0.0}, {"annotates": ["transformer"]}),
    ],
    ids=str,
)
def test_frozen_transformer_stays_as_it_is(encoder, settings, update):
    nlp = make_ready(encoder, "crf_ner", **settings)
    examples = make_examples(nlp, DATA)
    before = weights_of_encoder(nlp)
    first, *_, last = fit(nlp, examples, 40, sgd=Adam(0.02), **update)
    assert last["crf_ner"] < first["crf_ner"] / 3
    for name, values in weights_of_encoder(nlp).items():
        np.testing.assert_array_equal(values, before[name], err_msg=name)


def test_frozen_transformer_must_annotate(encoder):
    nlp = make_ready(encoder, "crf_ner")
    with pytest.raises(ValueError, match="embedding layer is not updated"):
        fit(nlp, make_examples(nlp, DATA), 1, exclude=["transformer"])


def test_annotating_transformer_learns_the_same(encoder):
    weights = []
    for annotates in ([], ["transformer"], ["transformer", "crf_ner"]):
        nlp = make_ready(encoder, "crf_ner", "tagger")
        fit(nlp, make_examples(nlp, BOTH), 3, sgd=SGD(0.01), annotates=annotates)
        weights.append(all_weights(nlp))
    for others in weights[1:]:
        for name, values in others.items():
            np.testing.assert_array_equal(values, weights[0][name], err_msg=name)


# Steps


def test_learning_rates_are_multiples_of_that_of_the_encoder(encoder):
    config = load_config(CONFIG)
    model = config["components"]["crf_ner"]["model"]
    scales = {
        name: model[name] for name in ("learn_rate_scale", "crf_learn_rate_scale")
    }
    network_scale, crf_scale = scales.values()
    assert crf_scale > network_scale > 1.0
    nlp = make_ready(encoder, "crf_ner", random_weights=True, **scales)
    gradients = accumulate(nlp, make_examples(nlp, DATA))
    encoder_names = gradients_of_encoder(nlp).keys()
    changes = step(nlp, SGD(0.01, grad_clip=0.0))
    for name, gradient in gradients.items():
        scale = crf_scale if name in CRF else network_scale
        rate = 0.01 if name in encoder_names else 0.01 * scale
        np.testing.assert_allclose(
            changes[name], -rate * gradient, rtol=1e-4, atol=1e-6, err_msg=name
        )


def test_accumulated_gradients_are_those_of_one_large_batch(encoder):
    """A gradient is a mean over documents, so those of n equal parts add up to n times
    that of the whole.
    """
    whole = make_ready(encoder, "crf_ner", random_weights=True)
    parts = make_ready(encoder, "crf_ner", random_weights=True)
    examples = make_examples(whole, DATA)
    accumulate(whole, examples)
    examples = make_examples(parts, DATA)
    accumulate(parts, *(examples[start : start + 2] for start in (0, 2, 4)))
    large = flat(step(whole, SGD(0.3, grad_clip=0.0)))
    small = flat(step(parts, SGD(0.1, grad_clip=0.0)))
    assert np.abs(large).max() > 0.1
    np.testing.assert_allclose(small, large, rtol=1e-3, atol=1e-5)


# Batches


@pytest.mark.parametrize("batch_size", [2, 1000])
def test_what_is_encoded_together_changes_next_to_nothing(encoder, batch_size):
    """The transformer pads, so probabilities may differ in the last digits."""
    nlp = make_ready(encoder, "crf_ner")
    fit(nlp, make_examples(nlp, DATA), 20, sgd=Adam(0.005))
    alone = [nlp(text) for text in TEXTS]
    together = list(nlp.pipe(TEXTS, batch_size=batch_size))
    assert [entities(doc) for doc in together] == [entities(doc) for doc in alone]
    assert any(entities(doc) for doc in alone)
    ner = recognizer(nlp)
    probabilities = [marginals_of(ner, docs).tags for docs in (alone, together)]
    np.testing.assert_allclose(*probabilities, rtol=0, atol=1e-4)
