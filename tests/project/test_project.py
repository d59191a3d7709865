"""project.yml: its documentation, its assets, and its workflows from end to end."""

import hashlib
import json
import re
import shlex
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
import spacy
import srsly

import spacy_crf_tagger
from docs.extensions.workflows import PAGE, document_workflows
from tests.helpers.encoder import needs_minilm
from tests.helpers.paths import ROOT
from tests.helpers.projects import run_project as run

PROJECT = srsly.read_yaml(ROOT / "project.yml")
COMMANDS = {command["name"]: command for command in PROJECT["commands"]}
TRAININGS = [
    name
    for name, command in COMMANDS.items()
    if command["script"][0].startswith("python -m spacy train ")
]
# What the plugin's own wheel is made of, beside its folder and README.md.
SOURCES = ("pyproject.toml", "LICENSE")


def words_after(option, script):
    """RETURNS what is given for an option that may be given several times."""
    words = [word for line in script for word in shlex.split(line)]
    return [value for word, value in pairwise(words) if word == option]


def config_of(training):
    """RETURNS the config of a command that trains, and does nothing else."""
    [line] = COMMANDS[training]["script"]
    [config] = words_after("train", [line])
    return config


@pytest.fixture
def project(tmp_path):
    """A copy of the project without what it has made."""
    for name in ("project.yml", "README.md", "constraints.txt", *SOURCES):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("configs", "spacy_crf_tagger"):
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copytree(ROOT / "assets" / "astronomy", tmp_path / "assets" / "astronomy")
    return tmp_path


# Where the corpora that are assets lie in `../shared/data`.
CORPORA = {"wnut17": "wnut17", "ewt": "ud-english-ewt"}


def shared_file(asset, shared_data):
    """RETURNS the file that an asset is a copy of."""
    dest = Path(asset["dest"])
    return shared_data / CORPORA[dest.parent.name] / dest.name


@pytest.fixture
def with_assets(project, shared_data):
    """The same, with all assets already in their places."""
    for asset in PROJECT["assets"]:
        dest = project / asset["dest"]
        dest.parent.mkdir(exist_ok=True)
        shutil.copy(shared_file(asset, shared_data), dest)
    return project


@pytest.fixture
def trained(project):
    """The same, with what `spacy project run all` has made, if it was run."""
    for name in ("project.lock", "corpus", "training/astronomy", "metrics/astronomy"):
        made = ROOT / name
        if made.is_dir():
            shutil.copytree(made, project / name)
        elif made.exists():
            shutil.copy(made, project / name)
    return project


def with_steps(project, **variables):
    """Rewrite the variables of a copy: `spacy project` takes no overrides."""
    path = project / "project.yml"
    text = path.read_text("utf8")
    for name, value in variables.items():
        text, count = re.subn(rf"(?m)^  {name}: .*$", f"  {name}: {value}", text)
        assert count == 1
    path.write_text(text, "utf8")


def test_page_documents_the_project(project):
    assert PAGE.read_text("utf8") == document_workflows(project)


def test_commands_need_no_shell():
    for command in COMMANDS.values():
        for line in command["script"]:
            words = shlex.split(line)
            assert words[:2] == ["python", "-m"], line
            assert not {"&&", "||", "|", ">", "<", ";"} & set(words), line


def test_wheel_of_the_plugin_has_its_version():
    assert PROJECT["vars"]["plugin_version"] == spacy_crf_tagger.__version__


def test_workflow_ends_with_what_to_do_next():
    last = COMMANDS[PROJECT["workflows"]["all"][-1]]
    hints = words_after("--hint", last["script"])
    readme = (ROOT / "README.md").read_text("utf8")
    shown = [hint.strip() for hint in hints if "python -m" in hint]
    assert shown
    # The command of the README, which says what the files in it are.
    assert [hint for hint in shown if f"{hint}\n" not in readme] == []
    said = " ".join(hint for hint in hints if "python -m" not in hint)
    files = re.findall(r"[\w/]+\.(?:md|cfg)", said)
    assert {"README.md", "docs/packages.md"} <= set(files)
    assert [name for name in files if not (ROOT / name).exists()] == []
    assert "\n## Your own data\n" in readme
    assert "'Your own data'" in " ".join(hints)


def test_every_dependency_comes_from_somewhere():
    made = {
        output
        for command in COMMANDS.values()
        for key in ("outputs", "outputs_no_cache")
        for output in command.get(key, [])
    }
    fetched = {asset["dest"] for asset in PROJECT["assets"]}
    missing = [
        dependency
        for command in COMMANDS.values()
        for dependency in command["deps"]
        if dependency not in made | fetched and not (ROOT / dependency).exists()
    ]
    assert missing == []
    assert all(
        command.get("outputs") or command.get("outputs_no_cache")
        for command in COMMANDS.values()
    )


def test_no_source_but_the_version_is_a_dependency():
    found = {
        (name, dependency)
        for name, command in COMMANDS.items()
        for dependency in command["deps"]
        if dependency.startswith("spacy_crf_tagger/")
    }
    ours = {name for name in TRAININGS if config_of(name) != "configs/ner.cfg"}
    assert found == {
        (name, "spacy_crf_tagger/__init__.py")
        for name in {*ours, "make-vectors", "package-plugin"}
    }


@pytest.mark.parametrize("name", TRAININGS)
def test_trainings_depend_on_what_they_read(name):
    words = shlex.split(COMMANDS[name]["script"][0])
    paths = {
        option: value
        for option, value in pairwise(words)
        if option.startswith("--paths.")
    }
    assert {"--paths.train", "--paths.dev"} <= set(paths)
    assert {config_of(name), *paths.values()} <= set(COMMANDS[name]["deps"])


def test_checksums_of_assets(shared_data):
    for asset in PROJECT["assets"]:
        data = shared_file(asset, shared_data).read_bytes()
        assert hashlib.md5(data).hexdigest() == asset["checksum"]
        if "wnut17" in asset["dest"]:
            assert asset["checksum"] in str(COMMANDS["convert-wnut17"]["script"])


def test_assets_in_place_are_not_fetched(with_assets):
    # There is no network here that could be asked.
    skipped = run(with_assets, "assets").count("Skipping download with matching checks")
    assert skipped == len(PROJECT["assets"])


@pytest.mark.slow
def test_workflow_wnut17(with_assets):
    with_steps(with_assets, wnut17_steps=200)
    run(with_assets, "run", "wnut17")
    scores = json.loads(
        (with_assets / "metrics" / "wnut17" / "crf_ner.json").read_text()
    )
    assert scores["ents_f"] > 0.02
    again = run(with_assets, "run", "wnut17")
    assert again.count("nothing changed") == len(PROJECT["workflows"]["wnut17"])


def shorten(path, n_sentences):
    """Keep the first sentences of a treebank."""
    sentences = path.read_text("utf8").split("\n\n")[:n_sentences]
    path.write_text("\n\n".join(sentences) + "\n\n", "utf8")


@pytest.mark.slow
def test_workflow_tagger(with_assets):
    for asset in (with_assets / "assets" / "ewt").iterdir():
        shorten(asset, 2000 if "train" in asset.name else 300)
    with_steps(with_assets, tagger_steps=200)
    run(with_assets, "run", "tagger")
    scores = json.loads(
        (with_assets / "metrics" / "ewt" / "crf_tagger.json").read_text()
    )
    assert scores["tag_acc"] > 0.8
    again = run(with_assets, "run", "tagger")
    assert again.count("nothing changed") == len(PROJECT["workflows"]["tagger"])


@pytest.mark.slow
def test_workflow_compare(trained):
    project = trained
    # A third of what it needs to come to its best.
    with_steps(project, demo_steps_ner=400)
    run(project, "run", "compare")
    table = (project / "metrics" / "astronomy" / "compare.md").read_text("utf8")
    row = re.search(r"^\| F \|([^|]+)\|([^|]+)\|$", table, re.MULTILINE)
    ours, theirs = (float(cell.strip(" *")) for cell in row.groups())
    assert ours >= 65.0
    assert ours > theirs
    # What did not change is not done again; what depends on a change is.
    again = run(project, "run", "compare")
    assert again.count("nothing changed") == len(PROJECT["workflows"]["compare"])
    config = project / "configs" / "ner.cfg"
    text = config.read_text("utf8")
    changed = text.replace("\nmax_epochs = 0\n", "\nmax_epochs = 1\n")
    assert changed != text
    config.write_text(changed, "utf8")
    after = run(project, "run", "compare")
    assert "Skipping 'train': nothing changed" in after
    assert "Skipping 'train-ner'" not in after
    assert "Skipping 'table'" not in after


@needs_minilm
@pytest.mark.transformers
@pytest.mark.slow
def test_workflow_vectors(trained):
    project = trained
    with_steps(project, demo_steps=250)
    run(project, "run", "encoder")
    run(project, "run", "vectors")
    name = "crf_ner_vectors"
    scores = json.loads((project / f"metrics/astronomy/{name}.json").read_text())
    assert scores["ents_f"] > 0.65
    [installed] = project.glob("installed/astronomy_vectors/*/*/config.cfg")
    vocab = spacy.load(installed.parent).vocab
    assert vocab.vectors.shape[1] == 200
    assert vocab["Moon"].has_vector
    again = run(project, "run", "vectors")
    assert again.count("nothing changed") == len(PROJECT["workflows"]["vectors"])
