"""The plan of the house in CONTRIBUTING.md, held against the house."""

import re
from pathlib import Path

import spacy_crf_tagger
from tests.helpers.paths import ROOT

PACKAGE = Path(spacy_crf_tagger.__file__).parent
ROOMS = {"crf", "models", "pipeline", "evaluation", "data", "clusters", "cli"}
HIDDEN = {"__pycache__"}


def folders_in(folder):
    """RETURNS the folders of modules below one, by their path from it."""
    return {str(path.parent.relative_to(folder)) for path in folder.rglob("*.py")} - {
        "."
    }


def rooms_of_the_map():
    """RETURNS the folders and files that the map shows, by their path."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf8")
    section = text.split("## The rooms of the house\n", 1)[1]
    [tree] = re.findall(r"^    spacy_crf_tagger/\n((?:      .*\n)+)", section, re.M)
    shown, above = set(), []
    for indent, name in re.findall(r"^ {6}( *)([\w.]+/?)  ", tree, re.M):
        if len(indent) > 20:
            continue  # a line that goes on
        above = [*above[: len(indent) // 2], name.rstrip("/")]
        shown.add("/".join(above))
    return shown


def test_the_package_has_seven_rooms():
    own = {path.name for path in PACKAGE.iterdir()} - HIDDEN
    assert own == {"__init__.py", "py.typed", *ROOMS}


def test_the_map_names_every_folder():
    shown = rooms_of_the_map()
    assert shown >= ROOMS
    assert folders_in(PACKAGE) <= shown
    assert [name for name in shown if not (PACKAGE / name).exists()] == []


def test_tests_mirror_the_package():
    of_no_room = {"examples", "helpers", "project"}
    mirrored = folders_in(ROOT / "tests") - of_no_room
    assert mirrored <= folders_in(PACKAGE)
    assert mirrored >= ROOMS


def test_no_file_is_too_long():
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text("utf8").splitlines())
        for path in PACKAGE.rglob("*.py")
    }
    assert {name: n for name, n in lengths.items() if n > 430} == {}
