"""A setting has one value: as an attribute, in predictions, and in the config."""

import copy
import pickle
from dataclasses import fields

import numpy as np
import pytest
import spacy

from tests.helpers.component import (
    entities,
    make_examples,
    make_nlp,
    recognizer,
    small_model,
    trained_nlp,
)
from tests.helpers.tagging import make_unsure_tagger, tagger_of

TEXT = "Grace left New York for Paris"
NER_VALUES = {
    "spans_key": "found",
    "decoder": "mbr",
    "threshold": 0.75,
    "presets": "ignore",
    "missing": "outside",
    "entity_ratio": 0.25,
    "entity_ratio_margin": 0.125,
    "entity_ratio_weight": 3.0,
    "incorrect_spans_key": "wrong",
    "label_weights": {"PERSON": 2.0},
    "candidates_key": "candidates",
    "candidates_floor": 0.125,
    "label_floors": {"PERSON": 0.25},
}
TAGGER_VALUES = {
    "attribute": "_.chunk",
    "overwrite": True,
    "neg_prefix": "not ",
    "label_smoothing": 0.125,
    "scores_key": "scores",
}
NEVER_CHANGED = {"scheme", "forbidden_pairs"}


def make(kind):
    nlp = trained_nlp() if kind == "crf_ner" else make_unsure_tagger()
    return nlp, nlp.get_pipe(kind)


def written(nlp, name, kind="crf_ner"):
    return nlp.config["components"][kind][name]


@pytest.mark.parametrize(
    ("kind", "values"), [("crf_ner", NER_VALUES), ("crf_tagger", TAGGER_VALUES)]
)
def test_every_setting_is_stored_everywhere(kind, values, tmp_path):
    nlp, pipe = make(kind)
    names = {field.name for field in fields(pipe.settings)}
    assert names - NEVER_CHANGED - {"temperature"} == set(values)
    for name, value in values.items():
        setattr(pipe, name, value)
        assert getattr(pipe, name) == getattr(pipe.settings, name) == value
        assert written(nlp, name, kind) == value
    pipe.temperature = 2.0
    nlp.to_disk(tmp_path)
    loaded = [
        spacy.load(tmp_path),
        spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes()),
        copy.deepcopy(nlp),
    ]
    for again in loaded:
        assert again.get_pipe(kind).settings == pipe.settings
        assert again.get_pipe(kind).temperature == 2.0
        assert again.config == nlp.config


def test_numbers_of_numpy_can_be_saved():
    nlp = trained_nlp()
    ner = recognizer(nlp)
    ner.label_weights = {"PERSON": np.float32(2.0)}
    ner.label_floors = {"PERSON": np.float64(0.25)}
    again = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert recognizer(again).label_weights == {"PERSON": 2.0}
    assert recognizer(again).label_floors == {"PERSON": 0.25}


def test_what_is_changed_in_cfg_is_checked_and_used():
    ner = recognizer(trained_nlp())
    assert ner.threshold is None
    ner.cfg["threshold"] = 0.5
    assert ner.threshold == 0.5
    ner.cfg["label_weights"]["PERSON"] = 3.0
    assert ner.label_weights == {"PERSON": 3.0}
    ner.cfg["label_weights"]["PERSON"] = "much"
    with pytest.raises(ValueError, match="weight of 'PERSON' must be"):
        ner.predict([])
    ner.cfg["label_weights"] = {}
    for wrong in (True, 10**400, "0.5"):
        ner.cfg["threshold"] = wrong
        with pytest.raises(ValueError, match="threshold must be"):
            ner.threshold  # noqa: B018
    ner.cfg["threshold"] = 1
    assert ner.threshold == 1


def test_setting_takes_effect_at_once():
    nlp = trained_nlp()
    ner = recognizer(nlp)
    doc = nlp(TEXT)
    scores = doc.spans["crf_ner"].attrs["scores"]
    ner.threshold = float(np.median(scores))
    assert 0 < len(nlp(TEXT).ents) < len(doc.ents)
    ner.spans_key = "found"
    assert list(nlp(TEXT).spans) == ["found"]
    ner.threshold = None
    assert entities(nlp(TEXT)) == entities(doc)


def test_tagger_setting_takes_effect_at_once():
    nlp = make_unsure_tagger()
    doc = nlp.make_doc(TEXT)
    doc[0].tag_ = "set before"
    tagger = tagger_of(nlp)
    assert tagger(doc.copy())[0].tag_ == "set before"
    tagger.overwrite = True
    tagger.scores_key = "scores"
    again = tagger(doc.copy())
    assert again[0].tag_ in tagger.labels
    assert len(again.user_data["scores"]) == len(doc)


@pytest.mark.parametrize(
    ("kind", "name", "value", "message"),
    [
        ("crf_ner", "threshold", 1.5, "threshold must be a number from 0 to 1"),
        ("crf_ner", "decoder", "greedy", "unknown decoder 'greedy': choose one of"),
        ("crf_ner", "spans_key", "", "spans_key must be a name or null"),
        ("crf_ner", "label_weights", {"ANIMAL": 2.0}, r"\['ANIMAL'\], but the labels"),
        ("crf_ner", "label_floors", {"O": 0.5}, r"label_floors names \['O'\], but"),
        ("crf_ner", "temperature", 0, "temperature must be a number from"),
        ("crf_tagger", "attribute", "POS", "are no universal parts of speech"),
        ("crf_tagger", "overwrite", 1, "overwrite must be true or false"),
        ("crf_tagger", "forbidden_pairs", [("N", "V")], "cannot be changed any more"),
    ],
)
def test_wrong_value_is_refused_and_the_old_one_kept(kind, name, value, message):
    nlp, pipe = make(kind)
    before, config = pipe.settings, nlp.config.copy()
    with pytest.raises(ValueError, match=f"^Component '{kind}': .*{message}"):
        setattr(pipe, name, value)
    assert pipe.settings == before
    assert nlp.config == config


def test_several_settings_change_together_or_not_at_all():
    nlp = trained_nlp()
    ner = recognizer(nlp)
    ner.change_settings(threshold=0.5, decoder="mbr")
    assert (ner.threshold, ner.decoder) == (0.5, "mbr")
    with pytest.raises(ValueError, match="decoder"):
        ner.change_settings(threshold=0.25, decoder="greedy")
    with pytest.raises(ValueError, match=r"'crf_ner'.*treshold"):
        ner.change_settings(treshold=0.25)
    with pytest.raises(ValueError, match="scheme decides which tags"):
        ner.change_settings(threshold=0.25, scheme="bio")
    assert (ner.threshold, written(nlp, "threshold")) == (0.5, 0.5)


def test_scheme_may_change_before_there_are_weights():
    nlp = make_nlp(labels=["A"])
    recognizer(nlp).change_settings(scheme="bio")
    assert recognizer(nlp).scheme.tags == ["O", "B-A", "I-A"]
    assert written(nlp, "scheme") == "bio"


def test_label_weights_are_changed_as_a_whole():
    ner = recognizer(trained_nlp())
    ner.label_weights = {"PERSON": 2.0}
    with pytest.raises(TypeError):
        ner.label_weights["PERSON"] = -1.0
    ner.label_weights = {}
    assert ner.settings.label_weights == {}


def test_numpy_number_becomes_a_plain_one(tmp_path):
    nlp = trained_nlp()
    recognizer(nlp).threshold = np.float32(0.5)
    assert type(recognizer(nlp).cfg["threshold"]) is float
    nlp.to_disk(tmp_path)
    assert recognizer(spacy.load(tmp_path)).threshold == 0.5


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model"
    nlp = trained_nlp()
    nlp.add_pipe("crf_ner", name="second", source=trained_nlp())
    recognizer_of(nlp, "second").change_settings(threshold=0.125)
    recognizer_of(nlp, "crf_ner").change_settings(threshold=0.5, decoder="mbr")
    nlp.to_disk(path)
    return path


def recognizer_of(nlp, name):
    return nlp.get_pipe(name)


@pytest.mark.parametrize("value", [0.75, None])
@pytest.mark.parametrize("dotted", [True, False])
def test_config_given_to_load_wins(saved, value, dotted, tmp_path):
    config = {"components": {"crf_ner": {"threshold": value}}}
    if dotted:
        config = {"components.crf_ner.threshold": value}
    nlp = spacy.load(saved, config=config)
    ner = recognizer_of(nlp, "crf_ner")
    assert (ner.threshold, ner.decoder) == (value, "mbr")
    assert recognizer_of(nlp, "second").threshold == 0.125
    assert written(nlp, "threshold") == value
    nlp.to_disk(tmp_path)
    assert recognizer_of(spacy.load(tmp_path), "crf_ner").threshold == value


def test_null_given_to_load_is_no_weights(tmp_path):
    nlp = trained_nlp()
    recognizer(nlp).label_weights = {"PERSON": 2.0}
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path, config={"components.crf_ner.label_weights": None})
    assert recognizer(again).label_weights == {}


def test_variable_given_to_load_wins(tmp_path):
    nlp = trained_nlp()
    recognizer(nlp).threshold = 0.5
    nlp.to_disk(tmp_path)
    path = tmp_path / "config.cfg"
    text = path.read_text().replace("threshold = 0.5", "threshold = ${vars.least}")
    path.write_text(f"[vars]\nleast = 0.5\n\n{text}")
    same, other = (
        spacy.load(tmp_path, config=given) for given in ({}, {"vars.least": 0.25})
    )
    assert recognizer(same).threshold == 0.5
    assert written(same, "threshold") == "${vars.least}"
    assert recognizer(other).threshold == 0.25
    recognizer(same).threshold = 0.75
    assert written(same, "threshold") == 0.75


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("threshold", 2.0, "'crf_ner'.*threshold must be"),
        ("scheme", "bio", "'crf_ner'.*trained for the tags"),
    ],
)
def test_wrong_config_given_to_load_is_refused(saved, name, value, message):
    with pytest.raises(ValueError, match=message):
        spacy.load(saved, config={f"components.crf_ner.{name}": value})


def test_stored_settings_win_over_those_of_a_pipeline_made_by_hand(saved):
    nlp = make_nlp()
    nlp.add_pipe("crf_ner", name="second", config={"model": small_model()})
    assert nlp.config["components"]["crf_ner"]["threshold"] is None
    nlp.from_disk(saved)
    assert recognizer_of(nlp, "crf_ner").threshold == 0.5
    assert written(nlp, "threshold") == 0.5
    # The component alone, when the config is that of another pipeline.
    recognizer_of(nlp, "crf_ner").threshold = 0.25
    recognizer_of(nlp, "crf_ner").from_disk(saved / "crf_ner", exclude=["vocab"])
    assert recognizer_of(nlp, "crf_ner").threshold == 0.5


def test_setting_that_older_versions_stored_in_cfg_alone_still_counts(tmp_path):
    nlp = trained_nlp()
    recognizer(nlp).cfg["threshold"] = 0.75
    assert written(nlp, "threshold") is None
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    assert recognizer(again).threshold == written(again, "threshold") == 0.75


def test_sourced_component_keeps_its_settings(tmp_path):
    source = trained_nlp()
    recognizer(source).threshold = 0.75
    nlp = spacy.blank("en")
    nlp.add_pipe("crf_ner", name="names", source=source)
    assert nlp.get_pipe("names").threshold == 0.75
    assert written(nlp, "threshold", "names") == 0.75
    # The new pipeline isn't known to the component, but nothing is lost.
    nlp.get_pipe("names").threshold = 0.25
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    assert again.get_pipe("names").threshold == 0.25
    assert written(again, "threshold", "names") == 0.25


def test_sourced_component_that_is_initialised_knows_its_pipeline():
    nlp = spacy.blank("en")
    ner = nlp.add_pipe("crf_ner", source=make_nlp(labels=["PERSON"]))
    nlp.initialize(lambda: make_examples(nlp))
    ner.threshold = 0.25
    assert written(nlp, "threshold") == 0.25


def test_component_of_a_saved_pipeline_keeps_its_settings(saved):
    config = {
        "nlp": {"lang": "en", "pipeline": ["crf_ner"]},
        "components": {"crf_ner": {"source": str(saved)}},
    }
    nlp = spacy.util.load_model_from_config(config, auto_fill=True)
    assert recognizer(nlp).threshold == written(nlp, "threshold") == 0.5


def test_renamed_and_removed_component():
    nlp = trained_nlp()
    ner = recognizer(nlp)
    nlp.rename_pipe("crf_ner", "names")
    ner.threshold = 0.5
    assert written(nlp, "threshold", "names") == 0.5
    nlp.remove_pipe("names")
    ner.threshold = 0.25
    assert ner.threshold == 0.25


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda ner: pickle.loads(pickle.dumps(ner))]
)
def test_copy_of_a_component_has_settings_of_its_own(copied):
    nlp = trained_nlp()
    ner = recognizer(nlp)
    ner.threshold = 0.5
    again = copied(ner)
    assert again.threshold == 0.5
    again.threshold = 0.25
    assert ner.threshold == written(nlp, "threshold") == 0.5


def test_copied_pipeline_has_settings_of_its_own():
    nlp = trained_nlp()
    again = copy.deepcopy(nlp)
    recognizer(again).threshold = 0.25
    assert written(again, "threshold") == 0.25
    assert written(nlp, "threshold") is recognizer(nlp).threshold is None
