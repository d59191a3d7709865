import shlex
import shutil
import sys
from pathlib import Path

import pytest
import spacy
from spacy.training import Example

from tests.helpers.component import small_model
from tests.helpers.forks import spacy_forked
from tests.helpers.packages import install_package

# `spacy package` leaves the closing of its files to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:.*unclosed file")

TEXTS = ["Anna saw New\nYork", "nobody"]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    path = tmp_path_factory.mktemp("show") / "pipeline"
    nlp = spacy.blank("en")
    nlp.meta["name"] = "crf_show_test"
    nlp.add_pipe("entity_ruler").add_patterns(
        [
            {"label": "PER", "pattern": "Anna"},
            {"label": "LOC", "pattern": "New\nYork"},
        ]
    )
    nlp.to_disk(path)
    return path


@pytest.fixture(scope="module")
def target(pipeline):
    return install_package(pipeline, pipeline.parent)


@pytest.fixture
def imports(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))


def test_show_a_path(crf, pipeline):
    exit_code, text = crf("show", pipeline, *TEXTS)
    assert exit_code == 0
    assert "Anna PER 0 4" in text
    assert r"'New\nYork' LOC 9 17" in text
    assert "nobody No entities" in text


def test_require(crf, pipeline):
    exit_code, text = crf("show", pipeline, *TEXTS, "--require")
    assert exit_code == 1
    assert "Anna PER 0 4" in text
    assert "No entity found in 1 of 2 texts" in text
    assert crf("show", pipeline, TEXTS[0], "--require").exit_code == 0


def test_show_a_package_of_a_folder(target, tmp_path):
    words = ("crf", "show", "en_crf_show_test", TEXTS[0], "--path", target)
    outcome = spacy_forked(*words, "--require", cwd=tmp_path)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "Anna" in outcome.stdout


@pytest.mark.usefixtures("imports")
def test_a_package_of_elsewhere_is_not_taken(crf, target, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(target)
    assert crf("show", "en_crf_show_test", "Anna").exit_code == 0
    exit_code, text = crf("show", "en_crf_show_test", "Anna", "--path", tmp_path)
    assert exit_code == 1
    assert f"not in {tmp_path}" in text


@pytest.mark.usefixtures("imports")
def test_a_path_does_not_stand_in_for_a_package(crf, pipeline, tmp_path):
    exit_code, text = crf("show", pipeline, "Anna", "--path", tmp_path)
    assert exit_code == 1
    assert "There is no package" in text


@pytest.mark.parametrize("name", ["absent_pipeline", "./absent", ""])
def test_a_pipeline_that_is_not_there(crf, name):
    exit_code, text = crf("show", name, "Anna")
    assert exit_code == 1
    assert "Can't load pipeline" in text


def test_a_pipeline_that_is_broken(crf, pipeline, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(pipeline, broken)
    config = (broken / "config.cfg").read_text(encoding="utf8")
    (broken / "config.cfg").write_text(
        config.replace('factory = "entity_ruler"', 'factory = "no_such_factory"'),
        encoding="utf8",
    )
    exit_code, text = crf("show", broken, "Anna")
    assert exit_code == 1
    assert "no_such_factory" in text


def test_show_in_an_environment(pipeline, tmp_path):
    hints = ["--hint", "Read on:", "--hint", f"    {'a long command ' * 10}"]
    # Would be imported in the place of the package that is installed.
    (tmp_path / "spacy_crf_tagger").mkdir()
    (tmp_path / "spacy_crf_tagger" / "__init__.py").write_text("raise ImportError\n")
    (tmp_path / "spacy").mkdir()
    (tmp_path / "spacy" / "__init__.py").write_text("raise ImportError\n")
    words = ("crf", "show", pipeline, TEXTS[0], "--environment", sys.prefix)
    outcome = spacy_forked(*words, *hints, cwd=tmp_path)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    lines = outcome.stdout.splitlines()
    assert any("Anna" in line and "PER" in line for line in lines)
    assert lines[-4] == (
        f"{pipeline} is installed in {sys.prefix}. Try a text of your own:"
    )
    python = shlex.split(lines[-3])[0]
    assert Path(python).samefile(sys.executable)
    assert lines[-2:] == hints[1::2]


# As Python does where a text has no entity.
UNSUCCESSFUL = """#!/bin/sh
case "$*" in *"spacy crf show --require -- "*" nobody") exit 1;; esac
"""


def test_an_environment_in_which_a_text_has_no_entity(crf, pipeline, tmp_path):
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(UNSUCCESSFUL)
    python.chmod(0o755)
    words = ("show", pipeline, "nobody", "--environment", tmp_path)
    exit_code, text = crf(*words, "--require")
    assert exit_code == 1
    assert "Try" not in text
    exit_code, text = crf(*words)
    assert exit_code == 0
    assert "Try" in text


def test_an_environment_that_is_not_there(crf, pipeline, tmp_path):
    exit_code, text = crf("show", pipeline, "Anna", "--environment", tmp_path)
    assert exit_code == 1
    assert "There is no virtual environment in" in text
    options = ("--environment", tmp_path, "--path", tmp_path)
    exit_code, text = crf("show", pipeline, "Anna", *options)
    assert exit_code == 1
    assert "not both" in text


def test_scores_are_shown(crf, tmp_path):
    nlp = spacy.blank("en")
    gold = {"entities": [(0, 4, "PER")]}
    example = Example.from_dict(nlp.make_doc("Anna ran"), gold)
    nlp.add_pipe("crf_ner")
    nlp.initialize(lambda: [example])
    for _ in range(20):
        nlp.update([example])
    nlp.to_disk(tmp_path)
    score = nlp("Anna ran").spans["crf_ner"].attrs["scores"][0]
    _, text = crf("show", tmp_path, "Anna ran")
    assert "Text Label Start End Score" in text
    assert f"Anna PER 0 4 {score:.3f}" in text


def test_show_tags(crf, tmp_path):
    nlp = spacy.blank("en")
    tagger = nlp.add_pipe("crf_tagger", config={"model": small_model()})
    example = Example.from_dict(nlp.make_doc("dogs run"), {"tags": ["N", "V"]})
    nlp.initialize(lambda: [example])
    tagger.cfg["tag_dictionary"] = {"dogs": ["N"], "run": ["V"]}
    nlp.to_disk(tmp_path / "tagger")
    exit_code, text = crf("show", tmp_path / "tagger", "dogs run", "", "--require")
    assert exit_code == 0
    assert "Token Tag Score" in text
    assert "dogs N 1.000" in text
    assert "run V 1.000" in text
    assert "No entities" not in text
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "ANIMAL", "pattern": "dogs"}])
    nlp.to_disk(tmp_path / "both")
    exit_code, text = crf("show", tmp_path / "both", "dogs run")
    assert "dogs ANIMAL 0 4" in text
    assert "dogs N 1.000" in text
