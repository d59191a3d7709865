"""The registered architecture: what it accepts, refuses and tells."""

import numpy as np
import pytest
import spacy
import torch
from confection import ConfigValidationError
from spacy.util import fix_random_seed, registry
from thinc.api import SGD, set_dropout_rate

from spacy_crf_tagger.models import isolation
from spacy_crf_tagger.models.architectures import resize_output
from tests.helpers.component import SMALL_TOK2VEC, make_nlp, small_model


def build(**settings):
    config = {"model": small_model(**settings)}
    return registry.resolve(config, validate=True)["model"]


def make_docs():
    nlp = spacy.blank("en")
    return [nlp.make_doc(text) for text in ("Ada saw Bo", "", "She left")]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"output": "crfs"}, "output.*'crf', 'softmax'.*crfs"),
        ({"dropout": 1.0}, "dropout"),
        ({"dropout": -0.1}, "dropout"),
        ({"word_dropout": 1.5}, "word_dropout"),
        ({"learn_rate_scale": -1.0}, " learn_rate_scale"),
        ({"learn_rate_scale": float("inf")}, " learn_rate_scale"),
        ({"crf_learn_rate_scale": -0.1}, "crf_learn_rate_scale"),
        ({"crf_learn_rate_scale": float("nan")}, "crf_learn_rate_scale"),
        ({"hidden_width": 15}, "hidden_width"),
        ({"hidden_width": 0}, "hidden_width"),
        ({"depth": -1}, "depth"),
        ({"attention_heads": 3}, "attention_heads"),
        ({"attention_heads": -1}, "attention_heads"),
        ({"attention_width": 3}, "attention_heads"),
        ({"attention_width": 0}, "attention_width"),
        ({"window": 8, "overlap": 4}, "window.*overlap"),
        ({"window": 0}, "window"),
        ({"overlap": -1}, "overlap"),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused_when_the_config_is_read(settings, message):
    with pytest.raises(ValueError, match=message):
        build(**settings)


@pytest.mark.parametrize(
    "settings", [{"hidden_width": "wide"}, {"depht": 2}, {"output": None}], ids=str
)
def test_settings_of_the_wrong_kind_are_refused(settings):
    with pytest.raises(ConfigValidationError):
        build(**settings)


def test_heads_that_do_not_fit_the_vectors_are_refused_at_initialisation():
    """Without a BiLSTM, attention works on the vectors, whose width comes later."""
    model = build(depth=0, attention_heads=3, nO=5)
    with pytest.raises(ValueError, match="attention_heads"):
        model.initialize(X=make_docs())


def test_width_of_attention_may_differ_from_that_of_the_states():
    model = build(attention_width=6, nO=5).initialize(X=make_docs())
    attention = model.layers[-1].shims[0].built.attention
    assert attention.project_in.weight.shape == (18, 16)
    assert attention.project_out.weight.shape == (16, 6)
    again = build(attention_width=6, nO=5)
    again.from_bytes(model.to_bytes())
    predicted = [each.predict(make_docs()) for each in (model, again)]
    for own, other in zip(*predicted, strict=True):
        np.testing.assert_array_equal(own, other)


def test_number_of_tags_may_be_given():
    model = build(nO=5).initialize(X=make_docs())
    assert model.get_dim("nO") == 5
    assert model.predict(make_docs()).emissions.shape == (5, 5)


@pytest.mark.parametrize("sample", ["documents", None])
def test_initialisation_without_tags_or_vectors_is_refused(sample):
    tok2vec = {"@architectures": "spacy.Tok2VecListener.v1", "width": 16}
    settings = {} if sample else {"nO": 5, "tok2vec": tok2vec}
    model = build(**settings)
    with pytest.raises(ValueError, match="number of tags"):
        model.initialize(X=make_docs() if sample else None)


def test_scores_and_their_gradients_have_the_promised_shapes():
    model = build(nO=5).initialize(X=make_docs())
    potentials, backprop = model.begin_update(make_docs())
    shapes = [None if s is None else s.shape for s in potentials]
    assert shapes == [(5, 5), (5, 5), (5,), (5,), (3,)]
    assert potentials.emissions.dtype == np.float32
    backprop(potentials)
    softmax = build(nO=5, output="softmax").initialize(X=make_docs())
    assert softmax.predict(make_docs())[1:4] == (None, None, None)


def test_learning_rates_survive_initialisation_saving_and_growth():
    """The second is taken from the config, as everything that is no weight."""
    scales = {"learn_rate_scale": 4.0, "crf_learn_rate_scale": 9.0}
    model = build(nO=5, **scales).initialize(X=make_docs())
    again = build(nO=5, **scales).from_bytes(model.to_bytes())
    for each in (model, again, resize_output(model.copy(), 9)):
        shim = each.layers[-1].shims[0]
        assert {name: getattr(shim, name) for name in scales} == scales


# Half precision


def half_vectors(width=16):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(length, width)).astype("f2") for length in (3, 0, 5)]


@pytest.fixture
def tagger():
    """The part of the model above the token vectors, with weights that matter."""
    tagger = build(nO=5).initialize(X=make_docs()).get_ref("scores")
    generator = torch.Generator().manual_seed(0)
    for values in tagger.shims[0].built.parameters():
        torch.nn.init.normal_(values, std=0.3, generator=generator)
    return tagger


def test_vectors_in_half_precision_are_computed_with_in_single_precision(tagger):
    single = [vectors.astype("f4") for vectors in half_vectors()]
    gradients = []
    for vectors in (half_vectors(), single):
        np.testing.assert_array_equal(
            tagger.predict(vectors).emissions, tagger.predict(single).emissions
        )
        potentials, backprop = tagger.begin_update(vectors)
        assert {scores.dtype for scores in potentials[:-1]} == {np.dtype("f4")}
        gradients.append(np.concatenate(backprop(potentials)))
        tagger.finish_update(SGD(0.0))
    assert gradients[0].dtype == np.float32
    np.testing.assert_array_equal(*gradients)


def test_scores_are_in_single_precision_where_the_network_is_not(tagger, monkeypatch):
    """In torch.autocast the network computes in half precision, the CRF does not."""
    monkeypatch.setattr(isolation, "has_instructions", lambda dtype: True)
    expected = tagger.predict(half_vectors())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        predicted = tagger.predict(half_vectors())
        potentials, backprop = tagger.begin_update(half_vectors())
    for scores in (predicted, potentials):
        assert {array.dtype for array in scores[:-1]} == {np.dtype("f4")}
        assert (scores.emissions != expected.emissions).any()
        np.testing.assert_allclose(scores.emissions, expected.emissions, atol=0.05)
    gradients = backprop(potentials)
    assert np.isfinite(np.concatenate(gradients)).all()
    assert np.abs(gradients[0]).max() > 0


def test_token_vectors_are_in_single_precision_where_their_products_are_not(
    monkeypatch,
):
    monkeypatch.setattr(isolation, "has_instructions", lambda dtype: True)
    model = build(nO=5).initialize(X=make_docs())
    tok2vec = model.layers[0]
    expected = tok2vec.predict(make_docs())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        predicted = tok2vec.predict(make_docs())
        potentials, backprop = model.begin_update(make_docs())
    assert {vectors.dtype for vectors in predicted} == {np.dtype("f4")}
    for vectors, others in zip(predicted, expected, strict=True):
        np.testing.assert_allclose(vectors, others, atol=0.05)
    assert any((a != b).any() for a, b in zip(predicted, expected, strict=True))
    backprop(potentials)
    gradients = [node.get_grad("W") for node in tok2vec.walk() if node.has_grad("W")]
    assert gradients
    assert all(np.isfinite(each).all() for each in gradients)


@pytest.mark.parametrize("n_docs", [0, 1, 2])
def test_batches_without_tokens(n_docs):
    model = build(nO=5).initialize(X=make_docs())
    docs = [spacy.blank("en").make_doc("") for _ in range(n_docs)]
    assert model.predict(docs).emissions.shape == (0, 5)
    potentials, backprop = model.begin_update(docs)
    assert len(potentials.lengths) == n_docs
    backprop(potentials)


def test_predictions_have_no_gradient():
    model = build(nO=5).initialize(X=make_docs())
    potentials, backprop = model(make_docs(), is_train=False)
    with pytest.raises(ValueError, match="predictions"):
        backprop(potentials)


def all_parameters(model):
    found = [
        np.asarray(node.get_param(name)).ravel()
        for node in model.walk()
        for name in node.param_names
    ]
    network = model.get_ref("scores").shims[0].built
    found += [values.detach().numpy().ravel() for values in network.parameters()]
    return np.concatenate(found)


def test_one_seed_initialises_and_updates_consistently():
    results = []
    for _ in range(2):
        fix_random_seed(3)
        model = build(nO=5, word_dropout=0.2).initialize(X=make_docs())
        first = all_parameters(model)
        set_dropout_rate(model, 0.2)
        optimizer = registry.resolve({"o": {"@optimizers": "Adam.v1"}})["o"]
        for _ in range(3):
            potentials, backprop = model.begin_update(make_docs())
            backprop(potentials)
            model.finish_update(optimizer)
        results.append((first, all_parameters(model)))
        assert (results[-1][0] != results[-1][1]).any()
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])


@pytest.mark.parametrize("initialized", [False, True])
def test_output_can_be_resized(initialized):
    model = build(nO=5)
    if initialized:
        model.initialize(X=make_docs())
        before = model.predict(make_docs())
    assert resize_output(model, 9) is model
    assert model.attrs["resize_output"] is resize_output
    assert model.get_dim("nO") == 9
    model = model if initialized else model.initialize(X=make_docs())
    potentials = model.predict(make_docs())
    assert potentials.emissions.shape[1] == 9
    if initialized:
        np.testing.assert_allclose(
            potentials.emissions[:, :5], before.emissions, atol=1e-5
        )
        np.testing.assert_array_equal(
            potentials.transitions[:5, :5], before.transitions
        )


def test_output_cannot_shrink():
    model = build(nO=9).initialize(X=make_docs())
    with pytest.raises(ValueError, match="shrink"):
        resize_output(model, 5)
    assert model.get_dim("nO") == 9


def test_defaults_of_the_architecture_are_those_of_the_component():
    nlp = spacy.blank("en")
    nlp.add_pipe("crf_ner")
    filled = nlp.get_pipe_config("crf_ner")["model"]
    architecture = "spacy_crf_tagger.BiLSTMAttentionCRF.v1"
    bare = {"@architectures": architecture, "tok2vec": SMALL_TOK2VEC}
    nlp.add_pipe("crf_ner", name="bare", config={"model": bare})
    defaults = nlp.get_pipe_config("bare")["model"]
    for name in set(filled) - {"tok2vec"}:
        assert defaults[name] == filled[name]


def test_weights_are_made_at_initialisation_only():
    """Building reads the config; weights depend on the seed that is set later."""
    nlp = make_nlp(labels=["A"])
    tagger = nlp.get_pipe("crf_ner").model.get_ref("scores")
    assert tagger.shims[0].network is None
    n_nodes = len(list(nlp.get_pipe("crf_ner").model.walk()))
    nlp.initialize()
    assert tagger.shims[0].network is not None
    assert len(list(nlp.get_pipe("crf_ner").model.walk())) == n_nodes
