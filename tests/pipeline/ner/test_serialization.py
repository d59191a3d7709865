"""Saving and loading, also of what does not fit and of what is damaged."""

import json

import numpy as np
import pytest
import spacy
import srsly
from spacy.tokens import Span
from spacy.vocab import Vocab

from spacy_crf_tagger.pipeline.ner.component import CRFEntityRecognizer
from spacy_crf_tagger.pipeline.ner.settings import Settings
from tests.helpers.component import (
    SMALL_TOK2VEC,
    TEXTS,
    entities,
    fit,
    make_examples,
    make_nlp,
    parameters,
    recognizer,
    trained_nlp,
)

both_schemes = pytest.mark.parametrize("scheme", ["biluo", "bio"])


def predictions(nlp):
    return [entities(doc) for doc in nlp.pipe(TEXTS)]


@both_schemes
@pytest.mark.parametrize("output", ["crf", "softmax"])
def test_bytes_stay_the_same_on_a_round_trip(scheme, output):
    nlp = trained_nlp(scheme, output)
    saved = nlp.to_bytes()
    again = make_nlp(scheme, output=output).from_bytes(saved)
    assert again.to_bytes() == saved
    ner_saved = recognizer(nlp).to_bytes(exclude=["vocab"])
    assert recognizer(again).to_bytes(exclude=["vocab"]) == ner_saved
    assert predictions(again) == predictions(nlp)
    assert any(predictions(nlp))


def test_files_stay_the_same_on_a_round_trip(tmp_path):
    nlp = trained_nlp()
    nlp.to_disk(tmp_path / "first")
    again = spacy.load(tmp_path / "first")
    again.to_disk(tmp_path / "second")
    for name in ("cfg", "model"):
        first, second = (
            (tmp_path / folder / "crf_ner" / name).read_bytes()
            for folder in ("first", "second")
        )
        assert first == second
    assert predictions(again) == predictions(nlp)


@pytest.mark.parametrize("labels", [[], ["A", "LARGE-ANIMAL"]])
def test_component_that_is_not_initialised(labels, tmp_path):
    nlp = make_nlp(labels=labels)
    again = make_nlp().from_bytes(nlp.to_bytes())
    assert recognizer(again).labels == tuple(labels)
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    again.initialize(lambda: make_examples(again))
    assert recognizer(again).labels == (*labels, "PERSON", "PLACE")


def test_blank_pipeline_needs_no_initialisation_to_load_a_component():
    nlp = trained_nlp()
    model = make_nlp().get_pipe("crf_ner").model
    ner = CRFEntityRecognizer(Vocab(), model, "fresh")
    ner.from_bytes(recognizer(nlp).to_bytes())
    doc = nlp.make_doc(TEXTS[0])
    loaded, expected = ner.predict([doc])[0], recognizer(nlp).predict([doc])[0]
    assert loaded.spans == expected.spans
    np.testing.assert_array_equal(loaded.scores, expected.scores)
    assert "PLACE" in ner.vocab.strings


@pytest.mark.parametrize(
    "before",
    [
        {"labels": ["X"]},
        {"labels": list("ABCDEFGH")},
        {"labels": ["PLACE", "PERSON"]},
        {"scheme": "bio"},
        {"hidden_width": 64, "depth": 2},
        {"attention_heads": 0},
        {"output": "softmax"},
        {"window": 100, "overlap": 3},
    ],
    ids=str,
)
def test_loading_replaces_whatever_was_there(before):
    nlp = trained_nlp()
    other = make_nlp(**before)
    other.initialize(lambda: make_examples(other))
    fit(other, make_examples(other), 2)
    # A vocab keeps the strings that it had.
    for label in before.get("labels", ()):
        nlp.vocab.strings.add(label)
    other.from_bytes(nlp.to_bytes())
    assert recognizer(other).labels == ("PERSON", "PLACE")
    assert predictions(other) == predictions(nlp)
    for name, values in parameters(recognizer(nlp)).items():
        np.testing.assert_array_equal(parameters(recognizer(other))[name], values)
    assert other.get_pipe("crf_ner").to_bytes() == nlp.get_pipe("crf_ner").to_bytes()
    losses = fit(other, make_examples(other), 5)
    assert losses[-1]["crf_ner"] < 1.0


def test_loading_an_uninitialised_component_over_a_trained_one():
    nlp = trained_nlp()
    nlp.from_bytes(make_nlp(labels=["A"]).to_bytes())
    assert recognizer(nlp).labels == ("A",)
    with pytest.raises(ValueError, match="E109"):
        nlp("We left Paris")


def test_label_added_after_initialisation_is_saved(tmp_path):
    nlp = make_nlp(labels=["SOME_LABEL"])
    nlp.initialize()
    ner = recognizer(nlp)
    ner.add_label("MY_ORG")
    doc = nlp("What do you think about Apple ?")
    doc.ents = [*doc.ents, Span(doc, 5, 6, label="MY_ORG")]
    ner.to_disk(tmp_path)
    other = recognizer(make_nlp()).from_disk(tmp_path)
    assert other.labels == ("SOME_LABEL", "MY_ORG")
    assert other.model.get_dim("nO") == 9


def test_labels_survive_in_the_strings():
    nlp = make_nlp(labels=["FunnyLabel"])
    other = make_nlp()
    assert "FunnyLabel" not in other.vocab.strings
    recognizer(other).from_bytes(recognizer(nlp).to_bytes())
    assert "FunnyLabel" in other.vocab.strings


def test_labels_are_strings_even_if_the_vocab_is_left_out():
    """`Language` leaves the vocab out and loads its own before or after."""
    saved = recognizer(trained_nlp()).to_bytes(exclude=["vocab"])
    other = make_nlp()
    ner = recognizer(other).from_bytes(saved)
    doc = ner(other.make_doc(TEXTS[0]))
    assert [ent.label_ for ent in doc.ents] == ["PERSON", "PERSON", "PLACE"]


# Leaving things out


def test_excluded_settings_stay_as_they_were():
    saved = recognizer(trained_nlp()).to_bytes()
    ner = recognizer(make_nlp(labels=["MINE"]))
    ner.from_bytes(saved, exclude=["cfg", "model"])
    assert ner.labels == ("MINE",)


@pytest.mark.parametrize("when", ["saving", "loading"])
@pytest.mark.parametrize("on_disk", [False, True])
def test_excluded_model_stays_as_it_was(when, on_disk, tmp_path):
    source = recognizer(trained_nlp())
    nlp = trained_nlp()
    fit(nlp, make_examples(nlp), 1)
    ner = recognizer(nlp)
    before = parameters(ner)
    saving = ["model"] if when == "saving" else []
    loading = ["model"] if when == "loading" else []
    if on_disk and when == "loading":
        source.to_disk(tmp_path, exclude=saving)
        ner.from_disk(tmp_path, exclude=loading)
    elif on_disk:
        source.to_disk(tmp_path, exclude=saving)
        with pytest.raises((FileNotFoundError, ValueError), match="model"):
            ner.from_disk(tmp_path)
        return
    else:
        ner.from_bytes(source.to_bytes(exclude=saving), exclude=loading)
    for name, values in parameters(ner).items():
        np.testing.assert_array_equal(values, before[name])
    assert len(nlp("We left Paris").ents) == 1


# What does not fit


@pytest.mark.parametrize("action", ["evaluate", "update", "rehearse"])
def test_labels_and_model_of_different_origin_are_reported(action):
    other = make_nlp(labels=["PERSON", "PLACE"], name="names")
    other.initialize()
    recognizer(other).cfg["labels"] = ["ONLY"]
    other.resume_training()
    data = [("Ada left", {"entities": [(0, 3, "ONLY")]})]
    act = getattr(other, action)
    with pytest.raises(ValueError, match=r"names.*9 tags.*ONLY"):
        act(make_examples(other, data))


def test_model_with_other_token_vectors_names_the_component():
    saved = recognizer(trained_nlp()).to_bytes()
    other = make_nlp(tok2vec={**SMALL_TOK2VEC, "width": 8}, name="names")
    with pytest.raises(ValueError, match="names"):
        recognizer(other).from_bytes(saved)


def test_model_of_another_component_names_the_component():
    nlp = spacy.blank("en")
    nlp.add_pipe("tagger").add_label("N")
    nlp.initialize()
    other = make_nlp(name="names")
    with pytest.raises(ValueError, match="names"):
        recognizer(other).from_bytes(nlp.get_pipe("tagger").to_bytes())


# What is damaged


@pytest.fixture(scope="module")
def saved_folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved")
    recognizer(trained_nlp()).to_disk(path)
    return path


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.9, 0.9999])
def test_truncated_model_file_names_the_component(saved_folder, kept, tmp_path):
    data = (saved_folder / "model").read_bytes()
    copy_with(saved_folder, tmp_path, "model", data[: int(len(data) * kept)])
    with pytest.raises(ValueError, match="names"):
        recognizer(make_nlp(name="names")).from_disk(tmp_path)


@pytest.mark.parametrize(
    "garbage",
    [b"garbage", b"\x00" * 100, b"\xff" * 100, b"\xc0", b"\x80", b"\x93\x01\x02\x03"],
)
def test_garbage_in_place_of_the_model_names_the_component(
    saved_folder, garbage, tmp_path
):
    copy_with(saved_folder, tmp_path, "model", garbage)
    with pytest.raises(ValueError, match="names"):
        recognizer(make_nlp(name="names")).from_disk(tmp_path)


@pytest.mark.parametrize(
    "cfg",
    [
        "{",
        "null",
        '{"labels": null, "scheme": "biluo"}',
        '{"labels": [1, 2], "scheme": "biluo"}',
        '{"labels": ["PERSON", "PERSON"], "scheme": "biluo"}',
        '{"labels": ["PERSON", "PLACE"], "scheme": "bilou"}',
    ],
)
def test_damaged_settings_name_the_component(saved_folder, cfg, tmp_path):
    copy_with(saved_folder, tmp_path, "cfg", cfg.encode())
    with pytest.raises(ValueError, match="names"):
        recognizer(make_nlp(name="names")).from_disk(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda message: message["weights"].pop("transitions"),
        lambda message: message["weights"].update(extra=np.zeros(3)),
        lambda message: message["weights"].update(start=np.zeros(3)),
        lambda message: message["config"].update(n_tags=5),
        lambda message: message["config"].update(unheard_of=5),
        lambda message: message["config"].update(hidden_width=15),
        lambda message: message["config"].pop("depth"),
        lambda message: message.pop("weights"),
        lambda message: message.update(weights=None),
        lambda message: message.update(config=[1, 2]),
        lambda message: message["config"].update(depth="two"),
    ],
)
def test_damaged_network_names_the_component(damage):
    saved = srsly.msgpack_loads(recognizer(trained_nlp()).to_bytes())
    model = srsly.msgpack_loads(saved["model"])
    [(node, shims)] = [(n, s) for n, s in enumerate(model["shims"]) if s]
    message = srsly.msgpack_loads(shims[0])
    damage(message)
    model["shims"][node] = [srsly.msgpack_dumps(message)]
    saved["model"] = srsly.msgpack_dumps(model)
    with pytest.raises(ValueError, match="names"):
        recognizer(make_nlp(name="names")).from_bytes(srsly.msgpack_dumps(saved))


@pytest.mark.parametrize(
    "damage",
    [
        lambda model: model["nodes"][0]["refs"].update(tagger=999),
        lambda model: model["nodes"].pop(),
        lambda model: model.pop("shims"),
        lambda model: model.update(params=None),
    ],
)
def test_damaged_structure_names_the_component(damage):
    saved = srsly.msgpack_loads(recognizer(trained_nlp()).to_bytes())
    model = srsly.msgpack_loads(saved["model"])
    damage(model)
    saved["model"] = srsly.msgpack_dumps(model)
    with pytest.raises(ValueError, match="names"):
        recognizer(make_nlp(name="names")).from_bytes(srsly.msgpack_dumps(saved))


def test_missing_file_is_reported_by_its_path(saved_folder, tmp_path):
    copy_with(saved_folder, tmp_path, "cfg", b"{}")
    (tmp_path / "model").unlink()
    with pytest.raises((FileNotFoundError, ValueError), match="model"):
        recognizer(make_nlp()).from_disk(tmp_path, exclude=["cfg"])


def test_settings_are_readable_and_sorted(saved_folder):
    text = (saved_folder / "cfg").read_text()
    cfg = json.loads(text)
    assert cfg == {"labels": ["PERSON", "PLACE"], **Settings().to_cfg()}
    assert list(cfg) == sorted(cfg)


def copy_with(source, target, name, data):
    """Copy a saved component, with other data in one of its files."""
    for file in source.iterdir():
        if file.is_file():
            (target / file.name).write_bytes(file.read_bytes())
    recognizer(make_nlp()).vocab.to_disk(target / "vocab")
    (target / name).write_bytes(data)
