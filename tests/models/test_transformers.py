"""The component on top of a transformer, with a real but small one."""

import numpy as np
import pytest
import spacy
from thinc.api import Adam

from tests.helpers.component import entities, fit, make_examples, recognizer
from tests.helpers.encoder import minilm_folder, needs_minilm
from tests.helpers.transformer import (
    make_transformer_nlp,
    weights_of_encoder,
)

pytestmark = [pytest.mark.transformers, needs_minilm]
DATA = [
    ("Ada met Grace in Paris", {"entities": [(0, 3, "PERSON"), (17, 22, "PLACE")]}),
    ("They left Paris for Rome", {"entities": [(10, 15, "PLACE"), (20, 24, "PLACE")]}),
]
TEXTS = [DATA[0][0], "", "They left Paris", "\n", " ".join([DATA[1][0]] * 20)]


def make_nlp(*pipes):
    return make_transformer_nlp(minilm_folder(), *pipes, hidden_width=256)


@pytest.fixture(scope="module")
def nlp():
    """Trained together with its transformer."""
    nlp = make_nlp("crf_ner")
    examples = make_examples(nlp, DATA)
    nlp.initialize(lambda: examples)
    first, *_, last = fit(nlp, examples, 30, sgd=Adam(0.0005))
    assert last["crf_ner"] < first["crf_ner"] / 10
    return nlp


def test_width_of_the_vectors_is_found_at_initialisation(nlp):
    assert recognizer(nlp).model.get_ref("scores").get_dim("nI") == 384


def test_predictions_do_not_depend_on_the_batch(nlp):
    expected = [entities(nlp(text)) for text in TEXTS]
    assert expected[0] == [(0, 1, "PERSON"), (4, 5, "PLACE")]
    assert expected[2] == [(2, 3, "PLACE")]
    assert len(expected[4]) == 40
    for batch_size in (2, 1000):
        docs = nlp.pipe(TEXTS, batch_size=batch_size)
        assert [entities(doc) for doc in docs] == expected


def test_pipeline_is_saved_and_loaded_without_initialisation(nlp, tmp_path):
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    assert [entities(doc) for doc in again.pipe(TEXTS)] == [
        entities(doc) for doc in nlp.pipe(TEXTS)
    ]
    ner_saved = recognizer(nlp).to_bytes(exclude=["vocab"])
    assert recognizer(again).to_bytes(exclude=["vocab"]) == ner_saved


def test_batches_without_annotation_or_tokens_pass(nlp):
    for data in ([("Not annotated", {})], [("", {})], [("", {}), *DATA]):
        losses = nlp.update(make_examples(nlp, data), sgd=Adam(0.0))
        assert np.isfinite(losses["crf_ner"])
    assert entities(nlp(DATA[0][0])) == [(0, 1, "PERSON"), (4, 5, "PLACE")]


def test_batch_without_entities_still_teaches_the_tagger():
    """The transformer's last listener starts its backprop, and clears its state."""
    nlp = make_nlp("tagger", "crf_ner")
    tags = {"tags": ["N", "V", "N"]}
    data = [("They left Paris", {**tags, "entities": [(10, 15, "PLACE")]})]
    nlp.initialize(lambda: make_examples(nlp, data))
    fit(nlp, make_examples(nlp, data), 2, sgd=Adam(0.001))
    before = weights_of_encoder(nlp)
    nlp.update(make_examples(nlp, [("They left Paris", tags)]), sgd=False)
    nlp.get_pipe("transformer").finish_update(Adam(0.001))
    after = weights_of_encoder(nlp)
    assert sum(np.abs(after[name] - before[name]).max() > 0 for name in after) > 50


def test_replaced_listener_predicts_the_same(nlp):
    expected = [entities(doc) for doc in nlp.pipe(TEXTS)]
    copied = make_nlp("crf_ner").from_bytes(nlp.to_bytes())
    copied.replace_listeners("transformer", "crf_ner", ["model.tok2vec"])
    with copied.select_pipes(disable="transformer"):
        assert [entities(doc) for doc in copied.pipe(TEXTS)] == expected
