"""Pipelines that earlier versions saved, and labels that do not fit their weights."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import spacy
import srsly

from tests.helpers.component import (
    TEXTS,
    entities,
    make_examples,
    make_nlp,
    recognizer,
    trained_nlp,
)

SAVED = Path(__file__).parent / "saved"
VERSIONS = ["0.1.0"]


@pytest.mark.parametrize("version", VERSIONS)
def test_pipeline_of_an_earlier_version(version, tmp_path):
    folder = SAVED / f"pipeline-{version}"
    nlp = spacy.load(folder)
    expected = srsly.read_json(SAVED / f"pipeline-{version}-expected.json")
    assert [case["text"] for case in expected] == TEXTS
    for case, doc in zip(expected, nlp.pipe(TEXTS), strict=True):
        assert [list(entity) for entity in entities(doc)] == case["ents"]
        scores = doc.spans["crf_ner"].attrs["scores"]
        # The last bits depend on the processor.
        np.testing.assert_allclose(scores, case["scores"], rtol=1e-4)
    # Saved by this version, it is guarded as well.
    nlp.to_disk(tmp_path)
    edit_labels(tmp_path, lambda labels: labels[::-1])
    with pytest.raises(ValueError, match="trained for the tags"):
        spacy.load(tmp_path)


def edit_labels(folder, edit):
    path = folder / "crf_ner" / "cfg"
    cfg = json.loads(path.read_text())
    path.write_text(json.dumps({**cfg, "labels": edit(cfg["labels"])}))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model"
    trained_nlp().to_disk(path)
    return path


@pytest.mark.parametrize(
    "edit",
    [
        lambda labels: labels[::-1],
        lambda labels: [labels[0], "ANIMAL"],
        lambda labels: [*labels, "ANIMAL"],
        lambda labels: labels[:1],
        lambda labels: [],
        lambda labels: "PE",
        lambda labels: {"PERSON": 1, "PLACE": 2},
        lambda labels: ["PERSON", 3],
        lambda labels: ["PERSON", "PERSON"],
        lambda labels: None,
        lambda labels: 2,
    ],
    ids=range(11),
)
def test_labels_that_are_not_those_of_the_weights(saved, tmp_path, edit):
    folder = shutil.copytree(saved, tmp_path / "model")
    edit_labels(folder, edit)
    with pytest.raises(ValueError, match=r"^Component 'crf_ner': cannot be loaded"):
        spacy.load(folder)


def test_scheme_that_is_not_that_of_the_weights(saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "model")
    path = folder / "crf_ner" / "cfg"
    cfg = json.loads(path.read_text())
    # As many tags as before.
    labels = ["A", "B", "C", "D"]
    path.write_text(json.dumps({**cfg, "labels": labels, "scheme": "bio"}))
    with pytest.raises(ValueError, match=r"'B-PERSON'.*stand for.*'B-A'"):
        spacy.load(folder)


def test_weights_of_other_labels(saved):
    """Excluded settings stay what they are, and have to fit as well."""
    other = make_nlp(labels=["PLACE", "PERSON"])
    with pytest.raises(ValueError, match="trained for the tags"):
        recognizer(other).from_disk(saved / "crf_ner", exclude=["vocab", "cfg"])
    same = make_nlp(labels=["PERSON", "PLACE"])
    recognizer(same).from_disk(saved / "crf_ner", exclude=["vocab", "cfg"])
    assert entities(same(TEXTS[0])) == entities(spacy.load(saved)(TEXTS[0]))


def test_labels_added_in_any_way_are_guarded(tmp_path):
    nlp = trained_nlp()
    recognizer(nlp).add_label("FIRST")
    nlp.update(make_examples(nlp, [("We saw", {"entities": [(3, 6, "SECOND")]})]))
    nlp.to_disk(tmp_path)
    assert recognizer(spacy.load(tmp_path)).labels[-2:] == ("FIRST", "SECOND")
    edit_labels(tmp_path, lambda labels: [*labels[:-2], "SECOND", "FIRST"])
    with pytest.raises(ValueError, match="trained for the tags"):
        spacy.load(tmp_path)


@pytest.mark.parametrize("labels", ["PE", {"0": {"": 2}, "1": {"PERSON": 3}}])
def test_labels_must_be_a_list(labels):
    """The dictionary is what `spacy init labels` writes for ner."""
    nlp = make_nlp()
    with pytest.raises(ValueError, match=r"'crf_ner'.*must be a list, not ['{]"):
        recognizer(nlp).initialize(lambda: make_examples(nlp), nlp=nlp, labels=labels)


def test_messages_name_some_of_many_labels():
    nlp = make_nlp(labels=[f"L{n}" for n in range(1000)])
    assert repr(recognizer(nlp)).endswith("'L19', and 980 more])")
    assert repr(recognizer(make_nlp(labels=["A"]))) == (
        "CRFEntityRecognizer('crf_ner', 'biluo', labels=['A'])"
    )
