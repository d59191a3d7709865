import json
import re

import pytest
import spacy
from confection import ConfigValidationError
from spacy.tokens import Doc, DocBin, Span
from spacy.util import load_model_from_config
from thinc.api import Config

from spacy_crf_tagger.cli.debug_config import DEFAULT_WINDOW
from spacy_crf_tagger.pipeline.ner.component import DEFAULT_MODEL
from tests.helpers.component import trained_nlp
from tests.helpers.paths import CONFIGS, ROOT

NLP = spacy.blank("en")


def doc_of(words, *ents, tags=None):
    words = words.split("|")
    doc = Doc(NLP.vocab, words=words, spaces=[True] * len(words), tags=tags)
    doc.ents = [Span(doc, *ent) for ent in ents]
    return doc


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    parts = {
        "good": [doc_of("We|met|Ada", (2, 3, "PERSON")), doc_of("Clouds|again")],
        "dev": [doc_of("Ruth|slept", (0, 1, "PERSON"))],
        "bad": [
            doc_of("We|met|Ada", (2, 3, "PERSON")),
            doc_of("It|is|Vega|\n", (2, 4, "STAR")),
        ],
        "tagged": [
            doc_of("We|run", tags=["P", "V"]),
            doc_of("the|run", tags=["D", "N"]),
        ],
    }
    for name, docs in parts.items():
        DocBin(docs=docs).to_disk(path / f"{name}.spacy")
    return path


@pytest.fixture
def debug(crf, folder):
    def run(train, dev, *options, config=CONFIGS / "crf_ner.cfg"):
        paths = ["--paths.train", folder / f"{train}.spacy"]
        paths += ["--paths.dev", folder / f"{dev}.spacy"]
        return crf("debug-data", config, *paths, *options)

    return run


def spacy_config(tmp_path, **components):
    """A config with components of spaCy's, or with sections of their own."""
    nlp = spacy.blank("en")
    for name in components:
        if name in ("ner", "tagger", "senter"):
            nlp.add_pipe(name)
    config = Config(nlp.config).copy()
    config["nlp"]["pipeline"] = list(components)
    for name, section in components.items():
        config["components"].setdefault(name, {}).update(section)
    config.to_disk(tmp_path / "config.cfg")
    return tmp_path / "config.cfg"


@pytest.mark.parametrize("strict", [True, False])
def test_good_data(debug, strict):
    exit_code, text = debug("good", "dev", *(["--strict"] if strict else []))
    assert exit_code == 0
    for part in (
        "Components: crf_ner (crf_ner) 2 training docs 1 evaluation docs",
        "Documents without entities 1 0",
        "PERSON 1 1",
        "100% of the entities of dev have a form that train does not have (1 of 1; 1",
        "Label shift 0.000",
        "Low number of entities with label 'PERSON' (1)",
        "Nothing that does harm",
    ):
        assert part in text


@pytest.mark.parametrize("strict", [True, False])
def test_harm(debug, folder, strict):
    exit_code, text = debug("good", "bad", *(["--strict"] if strict else []))
    assert exit_code == int(strict)
    where = f"{folder / 'bad.spacy'}, document"
    for part in (
        "1 entity of dev with white space at an end",
        f"{where} 2: 'Vega \\n' (STAR) in 'It is Vega'",
        "Label 'STAR' of dev (1) is not in train",
        "1 document of dev with a text of train",
        f"{where} 1: 'We met Ada' (as {folder / 'good.spacy'}, document 1)",
        "3 finding(s) that do harm, of",
    ):
        assert part in text
    assert "Take them out of one part" not in text
    assert "Take them out of one part" in debug("good", "bad", "--verbose").output


def test_report_for_programs(debug, tmp_path):
    path = tmp_path / "reports" / "data.json"
    exit_code, text = debug("good", "bad", "--output", path)
    assert exit_code == 0
    assert f"Saved report to {path}" in text
    report = json.loads(path.read_text("utf8"))
    assert report["components"] == {"crf_ner": "crf_ner"}
    assert report["entities"]["dev"]["labels"] == {"PERSON": 1, "STAR": 1}
    assert report["comparison"]["label_shift"] == 0.5
    kinds = [finding["kind"] for finding in report["findings"] if finding["harm"]]
    assert kinds == ["whitespace", "shared", "unknown-label"]
    [place] = report["findings"][0]["places"]
    assert (place["document"], place["found"]) == (2, "Vega \n")
    exit_code, text = debug("good", "bad", "--strict", "-o", "-")
    assert exit_code == 1
    assert json.loads(text)["findings"][1]["kind"] == "shared"


def test_report_does_not_replace_the_config(debug, tmp_path):
    config = tmp_path / "config.cfg"
    config.write_bytes((CONFIGS / "crf_ner.cfg").read_bytes())
    exit_code, text = debug("good", "dev", "-o", config, config=config)
    assert exit_code == 1
    assert "Can't write the report" in text
    assert config.read_bytes() == (CONFIGS / "crf_ner.cfg").read_bytes()


@pytest.mark.parametrize(
    "config", ["ner.cfg", "crf_ner_trf.cfg", "crf_ner_vectors.cfg"]
)
def test_other_configs_of_entities(debug, config):
    exit_code, text = debug("good", "dev", config=CONFIGS / config)
    assert exit_code == 0
    assert "PERSON 1 1" in text


def test_config_as_spacy_writes_it(debug, tmp_path):
    """It isn't filled, and has components that need what is not there."""
    from spacy.cli.init_config import init_config

    config = init_config(lang="en", pipeline=["parser", "ner"], silent=True)
    del config["training"]["max_steps"]
    config.to_disk(tmp_path / "base.cfg")
    exit_code, text = debug("good", "bad", config=tmp_path / "base.cfg")
    assert exit_code == 0
    assert "ner (ner)" in text


@pytest.mark.parametrize("config", ["crf_tagger.cfg", "tagger.cfg"])
def test_tags(debug, config):
    path = CONFIGS / config
    exit_code, text = debug("tagged", "tagged", "--verbose", config=path)
    assert exit_code == 0
    for part in (
        "Tags (TAG)",
        "P 1 1 V 1 1 D 1 1 N 1 1",
        "50.0% of the tokens of train are words with several tags",
        "0.0% of the tokens of dev are words that train does not have",
        "run V 1, N 1",
        "Nothing that does harm",
    ):
        assert part in text
    exit_code, text = debug("good", "tagged", "--strict", config=path)
    assert exit_code == 1
    assert "No tags (TAG) in train" in text


def test_sentences_of_the_pipeline_and_labels_of_the_config(debug, folder, tmp_path):
    starts = [True, False, True]
    doc = Doc(NLP.vocab, words=["We", "met", "Ada"], sent_starts=starts)
    doc.ents = [Span(doc, 1, 3, "PERSON")]
    DocBin(docs=[doc]).to_disk(folder / "crossing.spacy")
    harmless = debug("crossing", "dev", "--strict")
    assert harmless.exit_code == 0
    assert "1 entity of train across the start of a sentence" in harmless.output
    config = spacy_config(tmp_path, senter={}, ner={})
    settings = Config().from_disk(config, interpolate=False)
    settings["initialize"]["components"]["ner"] = {"labels": ["PLACE"]}
    settings.to_disk(config)
    exit_code, text = debug("crossing", "dev", "--strict", config=config)
    assert exit_code == 1
    assert "Label 'PLACE' of the pipeline is not in train" in text
    assert "Label 'PERSON' of train (1) is new to the pipeline" in text


def test_component_that_is_trained_further(debug, tmp_path):
    trained_nlp().to_disk(tmp_path / "model")
    source = {"source": str(tmp_path / "model"), "component": "crf_ner"}
    config = spacy_config(tmp_path, names=source)
    exit_code, text = debug("bad", "dev", config=config)
    assert exit_code == 0
    assert "Components: names (crf_ner)" in text
    assert "Label 'STAR' of train (1) is new to the pipeline" in text
    assert "Label 'PLACE' of the pipeline is not in train" in text
    assert "Label 'PERSON' of" not in text.replace("with label 'PERSON'", "")


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"moves": None}, "`moves` belongs to ner"),
        (
            {"moves": None, "update_with_oracle_cut_size": 100},
            "`moves` and `update_with_oracle_cut_size` belong to ner",
        ),
    ],
)
def test_settings_of_ner_in_crf_ner(debug, tmp_path, keys, named):
    config = spacy_config(tmp_path, names={"factory": "crf_ner", **keys})
    exit_code, text = debug("good", "dev", config=config)
    assert exit_code == 1
    assert f"[components.names] is a crf_ner, but {named}; run" in text
    assert "spacy crf migrate" in text


def test_page_has_the_message_for_settings_of_ner():
    """It is confection's, since spaCy checks names before the component is asked."""
    config = {
        "nlp": {"lang": "en", "pipeline": ["crf_ner"]},
        "components": {"crf_ner": {"factory": "crf_ner", "moves": None}},
    }
    with pytest.raises(ConfigValidationError) as raised:
        load_model_from_config(config, auto_fill=True)
    message = " ".join(str(raised.value).split())
    page = (ROOT / "docs" / "troubleshooting.md").read_text("utf8")
    title = re.search(r"^### (Config error for 'crf_ner': .*)$", page, re.M).group(1)
    for part in title.split(": ", maxsplit=1):
        assert part in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "Can't use the config"),
        ("[nlp]\nlang = 'en'", "Can't use the config"),
        ("[paths]\ntrain = null", "it has no [nlp]"),
        (
            '[nlp]\nlang = "en"\npipeline = ["ner"]\n[components]',
            "has 'ner', but there is no section of it",
        ),
        (
            '[nlp]\nlang = "en"\npipeline = ["s"]\n[components]\n[components.s]\n'
            'factory = "senter"',
            "no component that is trained on entities or tags",
        ),
    ],
)
def test_config_that_cannot_be_used(debug, tmp_path, text, message):
    path = tmp_path / "config.cfg"
    if text is not None:
        path.write_text(text + "\n[paths]\n" * ("[paths]" not in text))
    exit_code, output = debug("good", "dev", config=path)
    assert exit_code == 1
    assert message in output


def test_data_that_cannot_be_read(debug, crf):
    exit_code, text = debug("absent", "dev")
    assert exit_code == 1
    assert "Can't read the data" in text
    assert "absent.spacy does not exist" in text
    exit_code, text = crf("debug-data", CONFIGS / "crf_ner.cfg")
    assert exit_code == 1
    assert "Corpus path can't be None" in text


@pytest.mark.parametrize(
    ("option", "message"),
    [("--stict", "No such option"), ("--nope.foo=3", "nope -> foo")],
)
def test_option_that_is_not_there(debug, option, message):
    exit_code, text = debug("good", "dev", option)
    assert exit_code == 1
    assert message in text


def test_code_that_the_config_needs(debug, tmp_path):
    code = tmp_path / "code.py"
    code.write_text(
        "from spacy.training import Corpus\n"
        "from spacy.util import registry\n"
        "@registry.readers('tests.debug_data.v1')\n"
        "def read(path):\n"
        "    return lambda nlp: Corpus(path)(nlp)\n"
    )
    config = Config().from_disk(CONFIGS / "crf_ner.cfg", interpolate=False)
    reader = {"@readers": "tests.debug_data.v1", "path": "${paths.dev}"}
    config["corpora"]["dev"] = reader
    config.to_disk(tmp_path / "config.cfg")
    options = ["--code", code]
    exit_code, text = debug("good", "bad", *options, config=tmp_path / "config.cfg")
    assert exit_code == 0
    assert "dev, document 2: 'Vega \\n' (STAR)" in text


def test_window_is_that_of_the_architecture():
    assert DEFAULT_MODEL["window"] == DEFAULT_WINDOW
