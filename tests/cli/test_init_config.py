"""`spacy crf init-config`: the files in configs/, and combinations of them."""

import re

import numpy as np
import pytest
import spacy
from spacy.training import Example
from spacy.util import load_config, load_model_from_config

from spacy_crf_tagger.cli.recipes import TEMPLATES
from tests.helpers.paths import CONFIGS, ROOT

# The options that each file in configs/ is made with.
COMMITTED = {
    "crf_ner": [],
    "crf_ner_vectors": ["--optimize", "accuracy"],
    "crf_ner_clusters": [
        *("--optimize", "accuracy"),
        *("--clusters", "assets/clusters/en"),
    ],
    "crf_ner_trf": ["--optimize", "transformer"],
    "crf_tagger": ["--pipeline", "crf_tagger"],
}
BOTH = ["--pipeline", "crf_tagger, crf_ner"]


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init_config(crf, *options):
    """RETURNS the config that the command makes, with its variables."""
    exit_code, text = crf("init-config", "made.cfg", *options)
    assert exit_code == 0, text
    return load_config("made.cfg", interpolate=False)


@pytest.mark.parametrize("name", COMMITTED)
def test_it_writes_the_files_in_configs(crf, in_folder, name):
    path = f"configs/{name}.cfg"
    exit_code, text = crf("init-config", path, *COMMITTED[name])
    assert exit_code == 0, text
    assert f"python -m spacy train {path} --output" in text
    written = (in_folder / path).read_text("utf8")
    assert written == (CONFIGS / f"{name}.cfg").read_text("utf8")


def test_both_components_share_a_tok2vec(crf):
    config = init_config(crf, *BOTH)
    assert config["nlp"]["pipeline"] == ["tok2vec", "crf_tagger", "crf_ner"]
    shared = config["components"]["tok2vec"]["model"]
    committed = {
        name: load_config(CONFIGS / f"{name}.cfg", interpolate=False)
        for name in ("crf_ner", "crf_tagger")
    }
    rows = {}
    for name, alone in committed.items():
        own = alone["components"][name].pop("model")
        made = config["components"][name].pop("model")
        assert made.pop("tok2vec")["width"] == "${components.tok2vec.model.width}"
        tok2vec = own.pop("tok2vec")
        rows.update(zip(tok2vec["attrs"], tok2vec["rows"], strict=True))
        assert alone["components"][name] == config["components"][name]
        # The dropout that the tagger is trained with alone.
        dropouts = alone["training"]["dropout"], config["training"]["dropout"]
        if dropouts[0] != dropouts[1]:
            assert made.pop("dropout") == dropouts[0] != own.pop("dropout")
        assert made == own
        for score, weight in alone["training"]["score_weights"].items():
            half = None if weight is None else weight / 2
            assert config["training"]["score_weights"][score] == half
    assert dict(zip(shared["attrs"], shared["rows"], strict=True)) == rows


@pytest.mark.parametrize("options", [[], ["--optimize", "accuracy"], ["--lang", "zh"]])
def test_config_for_both_is_filled_and_trains(crf, options):
    config = init_config(crf, *BOTH, *options)
    nlp = load_model_from_config(config.copy(), auto_fill=True)
    assert dict(nlp.config) == dict(config)
    if "accuracy" in options:
        nlp.vocab.set_vector("Ada", np.ones(4, dtype="f"))
    gold = {"entities": [(0, 3, "PERSON")]}
    example = Example.from_dict(nlp.make_doc("Ada left"), gold)
    for token in example.reference:
        token.tag_ = "X" if token.i else "Y"
    nlp.initialize(lambda: [example])
    losses = [nlp.update([example]) for _ in range(4)]
    for name in ("crf_ner", "crf_tagger"):
        assert losses[-1][name] < losses[0][name]


@pytest.mark.transformers
@pytest.mark.parametrize("pipeline", ["crf_tagger", "crf_ner,crf_tagger"])
def test_config_with_a_transformer_is_filled(crf, pipeline):
    config = init_config(crf, "--pipeline", pipeline, "--optimize", "transformer")
    config["paths"]["encoder"] = "somewhere"
    nlp = load_model_from_config(config.copy(), auto_fill=True)
    assert dict(nlp.config) == dict(config)
    assert nlp.pipe_names == ["transformer", *pipeline.split(",")]


def test_vectors_are_named(crf, in_folder):
    spacy.blank("en").to_disk(in_folder / "my vectors")
    options = ["--optimize", "accuracy", "--vectors", "my vectors"]
    assert init_config(crf, *options)["paths"]["vectors"] == "my vectors"
    assert "--paths.vectors" not in (in_folder / "made.cfg").read_text("utf8")
    exit_code, text = crf("init-config", "b.cfg", *options[:-1], "en_nowhere")
    assert exit_code == 0
    assert "There is no pipeline en_nowhere here" in text


@pytest.mark.parametrize("pipeline", ["crf_ner", "crf_tagger", "crf_tagger,crf_ner"])
def test_clusters_are_named(crf, in_folder, pipeline):
    path = in_folder / "my paths"
    path.write_text("00\tAda\t3\n01\tleft\t2\n", "utf8")
    options = ["--pipeline", pipeline, "--optimize", "accuracy"]
    config = init_config(crf, *options, "--clusters", "my paths")
    assert config["paths"]["clusters"] == "my paths"
    text = (in_folder / "made.cfg").read_text("utf8")
    assert "--paths" not in text
    assert "include_static_vectors = true" not in text
    nlp = load_model_from_config(config.copy(), auto_fill=True)
    assert dict(nlp.config) == dict(config)
    gold = {
        "entities": [(0, 3, "PERSON")],
        "words": ["Ada", "left"],
        "tags": ["Y", "X"],
    }
    nlp.initialize(lambda: [Example.from_dict(nlp.make_doc("Ada left"), gold)])
    found = [
        node.attrs["clusters"]
        for _, pipe in nlp.pipeline
        for node in pipe.model.walk()
        if node.attrs.get("clusters")
    ]
    assert [len(clusters) for clusters in found] == [2]
    exit_code, text = crf("init-config", "b.cfg", *options, "--clusters", "nowhere")
    assert exit_code == 0
    assert "There is no file nowhere here" in text


def test_clusters_may_stand_beside_vectors(crf, in_folder):
    spacy.blank("en").to_disk(in_folder / "vectors")
    options = ["--optimize", "accuracy", "--vectors", "vectors", "--clusters", "c"]
    config = init_config(crf, *options)
    tok2vec = config["components"]["crf_ner"]["model"]["tok2vec"]
    assert tok2vec["include_static_vectors"] is True
    assert tok2vec["clusters"] == "${paths.clusters}"
    text = (in_folder / "made.cfg").read_text("utf8")
    assert "with word vectors and word clusters" in text


@pytest.mark.parametrize("lang", ["de", "zh"])
def test_language_has_its_own_tokenizer(crf, lang):
    config = init_config(crf, "--lang", lang)
    of_language = spacy.blank(lang).config
    assert config["nlp"]["lang"] == lang
    assert config["nlp"]["tokenizer"] == of_language["nlp"]["tokenizer"]
    assert config["initialize"]["tokenizer"] == of_language["initialize"]["tokenizer"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--pipeline", "crf_ner,parser"], "not for parser. Make a config"),
        (["--pipeline", "ner"], "python -m spacy crf migrate"),
        (["--pipeline", ","], "Name a component to train"),
        (["--pipeline", "crf_ner,crf_ner"], "named twice"),
        (["--lang", "tlh"], "Can't use language 'tlh'"),
        (["--vectors", "en_core_web_md"], "Pass --optimize accuracy along"),
        (["--clusters", "paths"], "Pass --optimize accuracy along with --clusters"),
    ],
)
def test_what_cannot_be_made_is_said(crf, in_folder, options, message):
    exit_code, text = crf("init-config", "made.cfg", *options)
    assert exit_code == 1
    assert message in text
    assert list(in_folder.iterdir()) == []


def test_file_that_is_there_is_replaced_by_force_only(crf, in_folder):
    path = in_folder / "made.cfg"
    path.write_text("mine")
    exit_code, text = crf("init-config", path)
    assert exit_code == 1
    assert "--force" in text
    assert path.read_text() == "mine"
    assert crf("init-config", path, "--force").exit_code == 0
    assert "crf_ner" in path.read_text("utf8")
    exit_code, text = crf("init-config", in_folder, "--force")
    assert exit_code == 1
    assert "This is a folder" in text


def test_templates_are_part_of_the_package():
    text = (ROOT / "pyproject.toml").read_text("utf8")
    [listed] = re.findall(r"(?ms)^spacy_crf_tagger = \[\n(.*?)^\]", text)
    package = ROOT / "spacy_crf_tagger"
    found = {
        path
        for pattern in re.findall('"(.+)"', listed)
        for path in package.glob(pattern)
    }
    data = {
        path
        for path in package.rglob("*.*")
        if path.suffix != ".py" and path.parent.name != "__pycache__"
    }
    assert found == data
    assert set(TEMPLATES.iterdir()) < found
