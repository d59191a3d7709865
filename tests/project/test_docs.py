"""What the documentation shows is what happens."""

import re
import subprocess
import sys

import pytest
import spacy
from spacy.util import load_config

from tests.helpers.paths import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def python_blocks():
    for path in DOCUMENTS:
        blocks = re.findall(r"```python\n(.*?)```", path.read_text("utf8"), re.DOTALL)
        for number, block in enumerate(blocks):
            yield pytest.param(block, id=f"{path.name}-{number}")


@pytest.mark.parametrize("block", python_blocks())
def test_python_examples_run(block, tmp_path):
    result = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", block],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text("utf8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("name", ["crf_ner", "crf_ner_vectors", "ner"])
def test_configs_are_filled(name):
    config = load_config(ROOT / "configs" / f"{name}.cfg", interpolate=False)
    nlp = spacy.util.load_model_from_config(config.copy(), auto_fill=True)
    assert dict(nlp.config) == dict(config)


@pytest.mark.parametrize("name", ["crf_ner", "crf_ner_trf"])
def test_every_setting_of_ours_is_explained(name):
    text = (ROOT / "configs" / f"{name}.cfg").read_text("utf8")
    sections = re.split(r"^\[", text, flags=re.MULTILINE)
    ours = [part for part in sections if part.startswith("components.crf_ner")]
    lines = [line for part in ours for line in part.split("\n")[1:] if line]
    settings = [
        (above, line)
        for above, line in zip(["", *lines], lines, strict=False)
        if "=" in line and not line.startswith(("@", "#", "factory"))
    ]
    assert len(settings) > 10
    assert [line for above, line in settings if not above.startswith("#")] == []


def test_config_of_the_component_is_its_default():
    config = load_config(ROOT / "configs" / "crf_ner.cfg")
    nlp = spacy.blank("en")
    nlp.add_pipe("crf_ner")
    assert config["components"]["crf_ner"] == nlp.config["components"]["crf_ner"]


def test_config_with_vectors_differs_in_nothing_else():
    plain, with_vectors = (
        (ROOT / "configs" / f"{name}.cfg").read_text("utf8").partition("\n[")[2]
        for name in ("crf_ner", "crf_ner_vectors")
    )
    setting = "\ninclude_static_vectors = "
    assert with_vectors == plain.replace(f"{setting}false\n", f"{setting}true\n")
    assert with_vectors != plain
