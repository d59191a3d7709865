"""TypeEmbed computes each word type once; that must be all there is to tell."""

import numpy as np
import pytest
import spacy
from spacy.ml.models import MultiHashEmbed
from spacy.tokens import Doc
from spacy.util import fix_random_seed, registry
from spacy.vectors import Vectors
from thinc.api import Adam

from spacy_crf_tagger.models.type_embed import build_type_embed
from tests.helpers.component import (
    SMALL_TOK2VEC,
    fit,
    make_examples,
    make_nlp,
    recognizer,
)

ATTRS = ["NORM", "PREFIX", "SUFFIX", "SHAPE"]
ROWS = [300, 100, 200, 50]
WORDS = ["Ada", "Lovelace", "ada", "saw", "saw", "\n", "12", "Ada"]


def make_vectors(nlp, width=7, keys=("Ada", "saw", "York")):
    """Vectors for some of the words; two of them share a row."""
    rng = np.random.default_rng(0)
    data = rng.normal(size=(len(keys), width)).astype("float32")
    nlp.vocab.vectors = Vectors(
        strings=nlp.vocab.strings, data=data, keys=keys, name="toy"
    )
    nlp.vocab.vectors.add("ada", row=0)
    return nlp


def make_docs(nlp):
    return [
        Doc(nlp.vocab, words=WORDS),
        Doc(nlp.vocab),
        Doc(nlp.vocab, words=["York"]),
        Doc(nlp.vocab, words=WORDS[::-1] * 3),
    ]


def make_pair(with_vectors, **vectors):
    """Our layer and spaCy's, with the same weights."""
    nlp = make_vectors(spacy.blank("en"), **vectors)
    docs = make_docs(nlp)
    fix_random_seed(0)
    ours = build_type_embed(12, ATTRS, ROWS, with_vectors).initialize(X=docs)
    theirs = MultiHashEmbed(12, ATTRS, ROWS, with_vectors).initialize(X=docs)
    for own, other in zip(tables(ours), tables(theirs), strict=True):
        assert own.attrs["seed"] == other.attrs["seed"]
        other.set_param("E", own.get_param("E").copy())
    if with_vectors:
        [static] = nodes(theirs, "static_vectors")
        [linear] = nodes(ours, "linear")
        static.set_param("W", linear.get_param("W").copy())
        assert not linear.get_param("b").any()
    for name in ("maxout", "layernorm"):
        [own], [other] = nodes(ours, name), nodes(theirs, name)
        for parameter in own.param_names:
            other.set_param(parameter, own.get_param(parameter).copy())
    return ours, theirs, docs


def nodes(model, name):
    return [node for node in model.walk() if node.name == name]


def tables(model):
    return sorted(nodes(model, "hashembed"), key=lambda node: node.attrs["column"])


@pytest.mark.parametrize("with_vectors", [False, True])
def test_result_is_that_of_spacys_layer(with_vectors):
    ours, theirs, docs = make_pair(with_vectors)
    for own, other in zip(ours.predict(docs), theirs.predict(docs), strict=True):
        assert own.shape == other.shape
        np.testing.assert_allclose(own, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("with_vectors", [False, True])
def test_gradients_are_those_of_spacys_layer(with_vectors):
    """All words have vectors: spaCy takes the last row for those that have none."""
    ours, theirs, docs = make_pair(with_vectors, keys=sorted({*WORDS, "York"}))
    rng = np.random.default_rng(1)
    gradients = [rng.normal(size=(len(doc), 12)).astype("float32") for doc in docs]
    for model in (ours, theirs):
        _, backprop = model.begin_update(docs)
        backprop([gradient.copy() for gradient in gradients])
    for own, other in zip(tables(ours), tables(theirs), strict=True):
        np.testing.assert_allclose(
            own.get_grad("E"), other.get_grad("E"), rtol=1e-4, atol=1e-5
        )
    for name in ("maxout", "layernorm"):
        [own], [other] = nodes(ours, name), nodes(theirs, name)
        for parameter in own.grad_names:
            np.testing.assert_allclose(
                own.get_grad(parameter),
                other.get_grad(parameter),
                rtol=1e-4,
                atol=1e-5,
            )
    if with_vectors:
        [linear], [static] = nodes(ours, "linear"), nodes(theirs, "static_vectors")
        np.testing.assert_allclose(
            linear.get_grad("W"), static.get_grad("W"), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("with_vectors", [False, True])
def test_tokens_do_not_depend_on_their_batch(with_vectors):
    nlp = make_vectors(spacy.blank("en"))
    docs = make_docs(nlp)
    model = build_type_embed(12, ATTRS, ROWS, with_vectors).initialize(X=docs)
    together = model.predict(docs)
    for doc, rows in zip(docs, together, strict=True):
        [alone] = model.predict([doc])
        np.testing.assert_allclose(alone, rows, rtol=1e-5, atol=1e-6)
        for token, row in zip(doc, rows, strict=True):
            [[by_itself]] = model.predict([Doc(nlp.vocab, words=[token.text])])
            np.testing.assert_allclose(by_itself, row, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(together[0][0], together[0][7])
    assert (together[0][0] != together[0][2]).any()


@pytest.mark.parametrize("attrs", [["ORTH"], ["NORM", "POS"], ["LOWER", "IS_TITLE"]])
def test_any_attributes(attrs):
    nlp = spacy.blank("en")
    docs = make_docs(nlp)
    docs[0][0].pos_ = "PROPN"
    docs[0][7].pos_ = "NOUN"
    model = build_type_embed(8, attrs, [100] * len(attrs), False).initialize(X=docs)
    rows = model.predict(docs)[0]
    assert (rows[0] == rows[7]).all() == ("POS" not in attrs)


@pytest.mark.parametrize("docs", [[], [""], ["", ""]])
def test_nothing_to_embed(docs):
    nlp = spacy.blank("en")
    model = build_type_embed(8, ["ORTH"], [50], False).initialize()
    rows, backprop = model.begin_update([nlp.make_doc(text) for text in docs])
    assert [row.shape for row in rows] == [(0, 8)] * len(docs)
    assert backprop(rows) == []


@pytest.mark.parametrize(("attrs", "rows"), [([], []), (["NORM"], [10, 20])])
def test_settings_that_do_not_fit_are_refused(attrs, rows):
    with pytest.raises(ValueError, match="TypeEmbed"):
        build_type_embed(8, attrs, rows, include_static_vectors=False)


@pytest.mark.parametrize("form_dropout", [-0.1, 1.0])
def test_a_rate_that_makes_no_sense_is_refused(form_dropout):
    with pytest.raises(ValueError, match="form_dropout"):
        build_type_embed(8, ["NORM"], [10], False, form_dropout)


def embed_with_dropout(attrs, words, rate=0.4):
    docs = [Doc(spacy.blank("en").vocab, words=words)]
    model = build_type_embed(8, attrs, [300] * len(attrs), False, rate)
    return model.initialize(X=docs), docs


@pytest.mark.parametrize("attrs", [["NORM", "SHAPE"], ["SHAPE", "LOWER"]])
def test_hides_forms_of_a_share_of_tokens_in_training_only(attrs):
    model, docs = embed_with_dropout(attrs, ["Ada", "Bob"] * 500)
    fix_random_seed(0)
    [trained], _ = model.begin_update(docs)
    [rows] = model.predict(docs)
    assert (rows[0] != rows[1]).any()
    # Their shape is the same, so that without their forms all words are alike.
    hidden = ~np.isclose(trained, rows, rtol=1e-4, atol=1e-5).all(axis=1)
    assert hidden.sum() == pytest.approx(400, abs=60)
    assert len(np.unique(trained[hidden], axis=0)) == 1


def test_hides_forms_in_prediction_that_training_has_not_seen():
    model, docs = embed_with_dropout(["NORM", "SHAPE"], ["Ada", "Bob"])
    ada, bob = model.predict(docs)[0]
    np.testing.assert_array_equal(ada, bob)
    model.begin_update([docs[0][:1].as_doc()])
    words = ["Ada", "Bob", "Cid", "x"]
    again, bob, cid, other = model.predict([Doc(docs[0].vocab, words=words)])[0]
    assert (again != ada).any()
    np.testing.assert_allclose(bob, ada, rtol=1e-4)
    np.testing.assert_allclose(bob, cid, rtol=1e-4)
    assert (other != cid).any()


def test_what_was_seen_is_saved_and_goes_on():
    attrs = ["NORM", "SHAPE"]
    model, docs = embed_with_dropout(attrs, ["Ada", "Bob", "Cid"])
    model.begin_update([docs[0][:1].as_doc()])
    again, _ = embed_with_dropout(attrs, ["Ada"])
    again.from_bytes(model.to_bytes())
    for each in (model, again):
        assert (each.predict(docs)[0][0] != each.predict(docs)[0][1]).any()
        each.begin_update([docs[0][1:2].as_doc()])
        assert (each.predict(docs)[0][1] != each.predict(docs)[0][2]).any()
    np.testing.assert_array_equal(again.predict(docs)[0], model.predict(docs)[0])
    before = model.predict(docs)[0]
    copied = model.copy()
    copied.begin_update(docs)
    np.testing.assert_array_equal(model.predict(docs)[0], before)
    assert (copied.predict(docs)[0][2] != before[2]).any()


def test_hides_nothing_but_forms():
    nlp = spacy.blank("en")
    docs = make_docs(nlp)
    model = build_type_embed(8, ["SHAPE", "SUFFIX"], [50, 50], False, 0.9)
    model.initialize(X=docs)
    trained, _ = model.begin_update(docs)
    for row, predicted in zip(trained, model.predict(docs), strict=True):
        np.testing.assert_allclose(row, predicted, rtol=1e-4, atol=1e-5)


def test_without_dropout_training_sees_what_prediction_sees():
    nlp = spacy.blank("en")
    docs = make_docs(nlp)
    model = build_type_embed(12, ATTRS, ROWS, False).initialize(X=docs)
    trained, _ = model.begin_update(docs)
    for row, predicted in zip(trained, model.predict(docs), strict=True):
        np.testing.assert_allclose(row, predicted, rtol=1e-4, atol=1e-5)


def test_layer_can_be_named_in_a_config():
    config = {"model": {**SMALL_TOK2VEC, "width": 24}}
    model = registry.resolve(config, validate=True)["model"].initialize()
    assert model.get_dim("nO") == 24


def test_vectors_that_are_not_there_are_reported():
    tok2vec = {**SMALL_TOK2VEC, "include_static_vectors": True}
    nlp = make_nlp(tok2vec=tok2vec)
    with pytest.raises(ValueError, match="include_static_vectors"):
        nlp.initialize(lambda: make_examples(nlp))


def test_pipeline_with_vectors_learns_and_is_saved(tmp_path):
    tok2vec = {**SMALL_TOK2VEC, "include_static_vectors": True}
    nlp = make_vectors(make_nlp(tok2vec=tok2vec))
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    before = nlp.vocab.vectors.data.copy()
    losses = fit(nlp, examples, 30, sgd=Adam(0.01))
    assert losses[-1]["crf_ner"] < losses[0]["crf_ner"] / 5
    np.testing.assert_array_equal(nlp.vocab.vectors.data, before)
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    assert again.to_bytes() == nlp.to_bytes()
    texts = ["Ada saw York", "Nobody met Grace", ""]
    for first, second in zip(nlp.pipe(texts), again.pipe(texts), strict=True):
        assert first.to_json() == second.to_json()


def test_words_without_a_vector_can_be_told_from_those_with_one():
    nlp = make_vectors(spacy.blank("en"))
    docs = [Doc(nlp.vocab, words=["York", "Yolk"])]
    model = build_type_embed(8, ["SHAPE"], [50], True).initialize(X=docs)
    known, unknown = model.predict(docs)[0]
    assert np.abs(known - unknown).max() > 1e-3


def test_words_without_a_vector_teach_the_projection_nothing():
    nlp = make_vectors(spacy.blank("en"))
    docs = [Doc(nlp.vocab, words=["Yolk", "Nothing"])]
    model = build_type_embed(8, ["SHAPE"], [50], True).initialize(X=docs)
    [rows], backprop = model.begin_update(docs)
    backprop([np.arange(rows.size, dtype="float32").reshape(rows.shape)])
    [linear] = nodes(model, "linear")
    assert not linear.get_grad("W").any()


def test_floret_vectors():
    nlp = spacy.blank("en")
    rng = np.random.default_rng(0)
    nlp.vocab.vectors = Vectors(
        strings=nlp.vocab.strings,
        data=rng.normal(size=(20, 6)).astype("float32"),
        mode="floret",
        minn=2,
        maxn=3,
        hash_count=2,
    )
    docs = make_docs(nlp)
    ours = build_type_embed(8, ["ORTH"], [50], True).initialize(X=docs)
    theirs = MultiHashEmbed(8, ["ORTH"], [50], True).initialize(X=docs)
    [linear], [static] = nodes(ours, "linear"), nodes(theirs, "static_vectors")
    assert linear.get_dim("nI") == static.get_dim("nM") == 6
    known = ours.predict(docs)[0]
    assert np.abs(known[0] - known[3]).max() > 1e-3


def test_second_initialisation_with_other_vectors():
    tok2vec = {**SMALL_TOK2VEC, "include_static_vectors": True}
    nlp = make_vectors(make_nlp(tok2vec=tok2vec), width=7)
    nlp.initialize(lambda: make_examples(nlp))
    make_vectors(nlp, width=5)
    nlp.config["initialize"]["vectors"] = None
    recognizer(nlp).initialize(lambda: make_examples(nlp), nlp=nlp)
    fit(nlp, make_examples(nlp), 2)
    assert len(nlp("Ada saw York")) == 3
