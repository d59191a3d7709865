"""What a document gets depends on nothing but the document and the weights."""

import copy
import pickle
import random

import numpy as np
import pytest
from spacy.tokens import Doc

from tests.helpers.component import (
    TEXTS,
    entities,
    fit,
    make_examples,
    make_nlp,
    randomize,
    recognizer,
    trained_nlp,
)

both_schemes = pytest.mark.parametrize("scheme", ["biluo", "bio"])


def random_texts(n_texts, seed=0):
    rng = random.Random(seed)
    words = ["We", "left", "New", "York", "for", "Paris", ".", "Ada", "Grace", "\n"]
    return [
        " ".join(rng.choices(words, k=rng.choice([0, 1, 2, 3, 7, 15, 40, 130])))
        for _ in range(n_texts)
    ]


@both_schemes
@pytest.mark.parametrize("output", ["crf", "softmax"])
def test_batches_of_any_size_give_the_same_entities(scheme, output):
    nlp = trained_nlp(scheme, output)
    texts = [*TEXTS, *random_texts(40)]
    expected = [entities(nlp(text)) for text in texts]
    assert sum(map(len, expected)) > 100
    for batch_size in (1, 2, 7, 1000):
        docs = nlp.pipe(texts, batch_size=batch_size)
        assert [entities(doc) for doc in docs] == expected
    shuffled = list(zip(texts, expected, strict=True))
    random.Random(0).shuffle(shuffled)
    docs = nlp.pipe([text for text, _ in shuffled])
    assert [entities(doc) for doc in docs] == [spans for _, spans in shuffled]


@pytest.mark.parametrize("settings", [{}, {"depth": 2}, {"window": 20, "overlap": 5}])
def test_scores_do_not_depend_on_the_batch(settings):
    nlp = make_nlp(**settings)
    nlp.initialize(lambda: make_examples(nlp))
    fit(nlp, make_examples(nlp), 3)
    model = recognizer(nlp).model
    docs = [nlp.make_doc(text) for text in random_texts(25)]
    together = model.predict(docs)
    alone = [model.predict([doc]).emissions for doc in docs]
    np.testing.assert_allclose(
        together.emissions, np.concatenate(alone), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("output", ["crf", "softmax"])
def test_gradients_do_not_depend_on_the_batch(output):
    """The loss is a mean over documents, so gradients add up by weight."""
    nlp = trained_nlp(output=output)
    ner = recognizer(nlp)
    randomize(ner, seed=0, scale=0.3)
    examples = make_examples(nlp) + make_examples(nlp, [("", {}), ("Paris", {})])

    def gradients():
        network = ner.model.get_ref("scores").shims[0].built
        found = {n: p.grad.numpy().copy() for n, p in network.named_parameters()}
        network.zero_grad(set_to_none=False)
        return found

    ner.update(examples)
    together = gradients()
    for example in examples:
        ner.update([example])
    for name, gradient in gradients().items():
        np.testing.assert_allclose(
            4 * together[name], gradient, rtol=1e-3, atol=1e-5, err_msg=name
        )


@both_schemes
def test_copies_of_a_pipeline_agree(scheme, tmp_path):
    nlp = trained_nlp(scheme)
    texts = [*TEXTS, *random_texts(10)]
    expected = [entities(doc) for doc in nlp.pipe(texts)]
    nlp.to_disk(tmp_path)
    copies = {
        "disk": make_nlp(scheme).from_disk(tmp_path),
        "bytes": make_nlp(scheme).from_bytes(nlp.to_bytes()),
        "pickle": pickle.loads(pickle.dumps(nlp)),
        "deepcopy": copy.deepcopy(nlp),
    }
    for name, copied in copies.items():
        assert [entities(doc) for doc in copied.pipe(texts)] == expected, name


def test_component_can_be_pickled_by_itself_before_and_after_training():
    blank = recognizer(make_nlp(labels=["A"]))
    assert pickle.loads(pickle.dumps(blank)).labels == ("A",)
    nlp = trained_nlp()
    ner = pickle.loads(pickle.dumps(recognizer(nlp)))
    doc = ner(Doc(ner.vocab, words=["We", "left", "New", "York"]))
    assert entities(doc) == [(2, 4, "PLACE")]
    fit(nlp, make_examples(nlp), 1)
