"""`spacy train`, as its own loop calls the component."""

import pytest
import spacy
from spacy.tokens import DocBin
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from spacy.util import load_config, load_model_from_config

from tests.helpers.component import TRAIN_DATA, entities, small_model

CONFIG = """
[paths]
corpus = null

[nlp]
lang = "en"
pipeline = ["crf_ner"]
batch_size = 3

[components]

[components.crf_ner]
factory = "crf_ner"

[corpora]

[corpora.train]
@readers = "spacy.Corpus.v1"
path = ${paths.corpus}

[corpora.dev]
@readers = "spacy.Corpus.v1"
path = ${paths.corpus}

[training]
seed = 1
max_steps = 60
eval_frequency = 30
accumulate_gradient = 1
dropout = 0.1

[training.batcher]
@batchers = "spacy.batch_by_sequence.v1"
size = 2

[training.optimizer]
@optimizers = "Adam.v1"
learn_rate = 0.01
use_averages = false

[training.logger]
@loggers = "spacy.ConsoleLogger.v1"
progress_bar = false
"""
MORE_DATA = [
    *TRAIN_DATA,
    ("", {}),
    ("Grace saw something", {}),
    ("There is nothing to find.", {"entities": []}),
]


@pytest.fixture
def corpus(tmp_path):
    nlp = spacy.blank("en")
    docs = DocBin()
    for text, annotation in MORE_DATA:
        doc = nlp.make_doc(text)
        if "entities" in annotation:
            spans = [doc.char_span(*entity) for entity in annotation["entities"]]
            doc.set_ents(spans, default="outside")
        docs.add(doc)
    path = tmp_path / "corpus.spacy"
    docs.to_disk(path)
    return path


@pytest.mark.parametrize(
    ("use_averages", "accumulate_gradient"), [(True, 1), (False, 3)]
)
def test_best_model_is_kept(corpus, tmp_path, use_averages, accumulate_gradient):
    (tmp_path / "config.cfg").write_text(CONFIG)
    overrides = {
        "paths.corpus": str(corpus),
        "training.accumulate_gradient": accumulate_gradient,
        "training.optimizer.use_averages": use_averages,
    }
    config = load_config(tmp_path / "config.cfg", overrides=overrides)
    config["components"]["crf_ner"]["model"] = small_model()
    (tmp_path / "output").mkdir()
    filled = load_model_from_config(config, auto_fill=True).config
    train(init_nlp(filled), tmp_path / "output")
    best = spacy.load(tmp_path / "output" / "model-best")
    assert best.meta["performance"]["ents_f"] == 1.0
    assert set(best.meta["performance"]["ents_per_type"]) == {"PERSON", "PLACE"}
    assert entities(best("We left New York")) == [(2, 4, "PLACE")]
