"""configs/crf_ner_trf.cfg, from training to a package without a network."""

import json
import shutil

import numpy as np
import pytest
import spacy
import srsly
from spacy.cli.package import package
from spacy.tokens import DocBin
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from spacy.util import load_config, load_model_from_config

from tests.helpers.component import entities, recognizer, run_python
from tests.helpers.transformer import (
    CONFIG,
    DATA,
    save_tiny_encoder,
    weights_of_encoder,
)

pytestmark = pytest.mark.transformers
TEXTS = [text for text, _ in DATA]
OFFLINE = """
import json, socket, sys
asked = []
def refuse(*args, **kwargs):
    asked.append(args)
    raise OSError("There is no network.")
socket.socket.connect = socket.getaddrinfo = refuse
import spacy
texts, folders = json.loads(sys.argv[1])
for nlp in map(spacy.load, folders):
    print([[(e.start, e.end, e.label_) for e in doc.ents] for doc in nlp.pipe(texts)])
assert not asked, asked
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    nlp = spacy.blank("en")
    docs = DocBin()
    for text, annotation in DATA:
        doc = nlp.make_doc(text)
        doc.set_ents([doc.char_span(*entity) for entity in annotation["entities"]])
        docs.add(doc)
    path = tmp_path_factory.mktemp("corpus") / "all.spacy"
    docs.to_disk(path)
    return path


def train_pipeline(corpus, folder, changes=None, source=None):
    """RETURNS the pipeline before its training and after."""
    save_tiny_encoder(folder / "encoder", dropout=0.1)
    overrides = {
        "paths.train": str(corpus),
        "paths.dev": str(corpus),
        "paths.encoder": str(folder / "encoder"),
        "training.max_steps": 40,
        "training.eval_frequency": 20,
        "training.optimizer.learn_rate.warmup_steps": 4,
        "training.optimizer.learn_rate.initial_rate": 0.0005,
        **(changes or {}),
    }
    config = load_config(CONFIG, overrides=overrides)
    if source:
        config["components"]["transformer"] = {"source": str(source)}
    before = init_nlp(config)
    (folder / "output").mkdir()
    train(init_nlp(config), folder / "output")
    return before, spacy.load(folder / "output" / "model-last")


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory):
    """Pipelines before and after training, and the folder of the latter. What they were
    made from is gone.
    """
    folder = tmp_path_factory.mktemp("trained")
    before, after = train_pipeline(corpus, folder)
    shutil.rmtree(folder / "encoder")
    return before, after, folder / "output" / "model-last"


def loss(nlp, corpus):
    """RETURNS the loss of crf_ner on the corpus."""
    examples = list(spacy.training.Corpus(corpus)(nlp))
    docs = [nlp.get_pipe("transformer")(example.predicted) for example in examples]
    ner = recognizer(nlp)
    return ner.get_loss(examples, ner.model.predict(docs))[0]


def test_config_is_filled():
    overrides = {"paths.encoder": "somewhere"}
    config = load_config(CONFIG, overrides=overrides, interpolate=False)
    nlp = load_model_from_config(config.copy(), auto_fill=True)
    assert dict(nlp.config) == dict(config)


def test_loss_falls_and_the_encoder_learns(trained, corpus):
    before, after, _ = trained
    assert loss(after, corpus) < loss(before, corpus) / 2
    old, new = weights_of_encoder(before), weights_of_encoder(after)
    assert sum((old[name] != new[name]).any() for name in old) > 30
    assert any(entities(doc) for doc in after.pipe(TEXTS))


@pytest.mark.parametrize("way", ["frozen", "no gradients"])
def test_frozen_encoder_is_not_trained(trained, corpus, tmp_path, way):
    if way == "frozen":
        names = ("frozen_components", "annotating_components")
        changes = {f"training.{name}": ["transformer"] for name in names}
    else:
        changes = {
            "components.crf_ner.model.tok2vec.grad_factor": 0.0,
            "training.optimizer.L2": 0.0,
        }
    source = trained[2] if way == "frozen" else None
    before, after = train_pipeline(corpus, tmp_path, changes, source)
    assert loss(after, corpus) < loss(before, corpus) / 2
    old = weights_of_encoder(before)
    for name, values in weights_of_encoder(after).items():
        np.testing.assert_array_equal(values, old[name], err_msg=name)


# spaCy leaves the files that it writes open.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_trained_pipelines_need_neither_the_network_nor_the_encoder(trained, tmp_path):
    _, nlp, saved = trained
    replaced = spacy.load(saved)
    replaced.replace_listeners("transformer", "crf_ner", ["model.tok2vec"])
    replaced.remove_pipe("transformer")
    replaced.to_disk(tmp_path / "replaced")
    package(saved, tmp_path, name="tiny", create_sdist=False)
    meta = srsly.read_json(tmp_path / "en_tiny-0.0.0" / "meta.json")
    required = " ".join(meta["requirements"])
    assert "spacy-crf-tagger" in required
    assert "spacy-transformers" in required
    packaged = tmp_path / "en_tiny-0.0.0" / "en_tiny" / "en_tiny-0.0.0"
    folders = [str(folder) for folder in (saved, tmp_path / "replaced", packaged)]
    lines = run_python("-c", OFFLINE, json.dumps([TEXTS, folders])).splitlines()
    assert lines == [str([entities(doc) for doc in nlp.pipe(TEXTS)])] * 3
