"""Settings are checked wherever they come from, and errors say what to choose."""

import json

import numpy as np
import pytest
import spacy
import srsly
from confection import ConfigValidationError

from spacy_crf_tagger.pipeline.ner.settings import Settings
from tests.helpers.component import (
    entities,
    make_examples,
    make_nlp,
    recognizer,
    small_model,
    trained_nlp,
)

TEXT = "We left New York for Paris"
UNKNOWN = [
    ("decoder", "greedy", r"'greedy'.*'viterbi', 'mbr'"),
    ("presets", "keep", r"'keep'.*'respect', 'ignore'"),
    ("missing", "Outside", "'Outside'.*'latent', 'outside', 'expected_entity_ratio'"),
    ("missing", None, "None.*'latent'"),
    ("scheme", "iobes", r"'iobes'.*'biluo', 'bio'"),
    ("threshold", 1.5, r"from 0 to 1 or null, not 1\.5"),
    ("threshold", -0.1, r"from 0 to 1 or null, not -0\.1"),
    ("threshold", float("nan"), "from 0 to 1 or null, not nan"),
    ("threshold", "0.5", r"from 0 to 1 or null, not '0\.5'"),
    ("threshold", True, "from 0 to 1 or null, not True"),
    ("entity_ratio", 15, "from 0 to 1, not 15"),
    ("entity_ratio_margin", None, "from 0 to 1, not None"),
    ("entity_ratio_weight", -1.0, r"from 0 to .*, not -1\.0"),
    ("temperature", 0.0, r"not 0\.0"),
    ("temperature", float("inf"), "not inf"),
    ("spans_key", "", "name or null"),
    ("incorrect_spans_key", 3, "name or null, not 3"),
    ("label_weights", {"PERSON": 0.0}, r"'PERSON'.*above 0, not 0\.0"),
    ("label_weights", {"PERSON": float("inf")}, "'PERSON'.*above 0, not inf"),
    ("label_weights", {"PERSON": "2"}, "'PERSON'.*above 0, not '2'"),
    ("label_weights", {3: 1.0}, "labels must be strings, not 3"),
    ("label_weights", ["PERSON"], r"map labels to weights, not \['PERSON'\]"),
    ("label_weights", 3, "map labels to weights, not 3"),
    ("label_weights", None, "map labels to weights, not None"),
    ("candidates_key", "", "name or null"),
    ("candidates_key", "crf_ner", "must differ from spans_key, which is 'crf_ner'"),
    ("candidates_floor", 0.0, "from 1e-06 to 1, not 0.0"),
    ("label_floors", {"PERSON": 0.0}, r"'PERSON'.*from 1e-06 to 1, not 0\.0"),
    ("label_floors", 0.1, r"map labels to floors, not 0\.1"),
]
unknown_values = pytest.mark.parametrize(
    ("name", "value", "message"), UNKNOWN, ids=[f"{n}={v!r}" for n, v, _ in UNKNOWN]
)
some_unknown_values = pytest.mark.parametrize(
    ("name", "value", "message"),
    [case for case in UNKNOWN if case[1] in ("greedy", "iobes", 1.5, {"PERSON": 0.0})],
    ids=str,
)
_SHARED = make_nlp(labels=["A"])


def named_once(name, message):
    return f"^Component 'crf_ner': (?!.*Component).*{name}.*{message}"


@pytest.fixture
def nlp():
    return trained_nlp()


@unknown_values
def test_component_refuses_unknown_values(name, value, message):
    ner = recognizer(_SHARED)
    with pytest.raises(ValueError, match=named_once(name, message)):
        type(ner)(_SHARED.vocab, ner.model, "crf_ner", **{name: value})


@pytest.mark.parametrize("name", Settings.choices)
def test_pipeline_refuses_unknown_choices(name):
    config = {name: "nothing of that", "model": small_model()}
    with pytest.raises(ValueError, match=rf"'names'.*{name}.*nothing of that"):
        spacy.blank("en").add_pipe("crf_ner", name="names", config=config)


@pytest.mark.parametrize(
    "config",
    [
        {"threshold": "high"},
        {"label_weights": ["A"]},
        {"spans_key": 3},
        {"treshold": 1},
    ],
)
def test_pipeline_refuses_values_of_another_type(config):
    with pytest.raises(ConfigValidationError):
        spacy.blank("en").add_pipe("crf_ner", config=config)


def test_unknown_keyword_is_refused_by_name():
    ner = recognizer(_SHARED)
    with pytest.raises(ValueError, match=r"'crf_ner'.*treshold"):
        type(ner)(_SHARED.vocab, ner.model, "crf_ner", treshold=0.5)


@some_unknown_values
def test_values_changed_at_runtime_are_checked(nlp, name, value, message):
    ner = recognizer(nlp)
    examples = make_examples(nlp)
    doc = nlp.make_doc(TEXT)
    predictions = ner.predict(doc)
    scores = ner.model.predict([eg.x for eg in examples])
    ner.cfg[name] = value
    for use in (
        lambda: nlp(TEXT),
        lambda: ner.set_annotations(doc, predictions),
        lambda: nlp.update(examples),
        lambda: ner.get_loss(examples, scores),
        lambda: ner.initialize(lambda: examples),
        lambda: ner.span_probabilities(doc, [[(0, 1, "PLACE")]]),
        lambda: ner.marginals(doc),
        lambda: ner.k_best(doc, 1),
        lambda: ner.sample(doc, 1),
    ):
        with pytest.raises(ValueError, match=named_once(name, message)):
            use()
    assert not doc.ents
    assert not doc.spans


@some_unknown_values
def test_saved_values_are_checked(nlp, tmp_path, name, value, message):
    ner = recognizer(nlp)
    ner.to_disk(tmp_path / "crf_ner")
    ner.cfg[name] = value
    (tmp_path / "crf_ner" / "cfg").write_text(json.dumps(ner.cfg))
    with pytest.raises(ValueError, match=named_once(name, message)):
        recognizer(make_nlp()).from_disk(tmp_path / "crf_ner")
    with pytest.raises(ValueError, match=named_once(name, message)):
        recognizer(make_nlp()).from_bytes(ner.to_bytes())


def test_components_saved_before_there_were_settings_still_load(nlp, tmp_path):
    expected = entities(nlp(TEXT))
    nlp.to_disk(tmp_path)
    path = tmp_path / "crf_ner" / "cfg"
    cfg = srsly.read_json(path)
    srsly.write_json(path, {key: cfg[key] for key in ("labels", "scheme")})
    config = nlp.config.copy()
    old = {"factory", "model", "scheme", "scorer"}
    section = config["components"]["crf_ner"]
    config["components"]["crf_ner"] = {key: section[key] for key in old}
    config.to_disk(tmp_path / "config.cfg")
    again = spacy.load(tmp_path)
    assert recognizer(again).settings == Settings()
    doc = again(TEXT)
    assert entities(doc) == expected
    assert len(doc.spans["crf_ner"].attrs["scores"]) == len(expected)


def test_settings_survive_saving(tmp_path):
    settings = {
        "scheme": "bio",
        "spans_key": None,
        "decoder": "mbr",
        "threshold": 0.25,
        "presets": "ignore",
        "missing": "expected_entity_ratio",
        "entity_ratio": 0.5,
        "entity_ratio_margin": 0.125,
        "entity_ratio_weight": 3.0,
        "incorrect_spans_key": "wrong",
        "label_weights": {"PERSON": 2.0, "O": 0.5},
        "candidates_key": "candidates",
        "candidates_floor": 0.0625,
        "label_floors": {"PERSON": 0.75},
    }
    nlp = spacy.blank("en")
    nlp.add_pipe("crf_ner", config={**settings, "model": small_model()})
    nlp.initialize(lambda: make_examples(nlp))
    expected = Settings(**settings)
    assert recognizer(nlp).settings == expected
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    assert recognizer(again).settings == expected
    assert again.config == nlp.config
    # What is saved with the weights wins over the config, as labels do.
    assert recognizer(make_nlp().from_bytes(nlp.to_bytes())).settings == expected


def test_numbers_of_numpy_are_numbers():
    Settings(threshold=np.float64(0.5), entity_ratio=1).validate()


def test_pipelines_do_not_share_label_weights():
    first, second = (spacy.blank("en").add_pipe("crf_ner") for _ in range(2))
    first.cfg["label_weights"]["PERSON"] = 2.0
    assert second.cfg["label_weights"] == {}
    assert spacy.blank("en").add_pipe("crf_ner").cfg["label_weights"] == {}
