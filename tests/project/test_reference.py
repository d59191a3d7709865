"""The reference pages name everything that is public, with its defaults."""

import inspect
import json
import re
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Dict, List, NamedTuple, Set

import pytest
import typer
from spacy.util import load_config
from thinc.api import Config

from spacy_crf_tagger import crf
from spacy_crf_tagger.cli import app
from spacy_crf_tagger.models.architectures import build_bilstm_attention_crf
from spacy_crf_tagger.models.type_embed import build_type_embed
from spacy_crf_tagger.pipeline.ner.component import (
    DEFAULT_MODEL,
    CRFEntityRecognizer,
)
from spacy_crf_tagger.pipeline.ner.settings import Settings
from spacy_crf_tagger.pipeline.setting import Setting
from spacy_crf_tagger.pipeline.tagger.component import CRFTagger
from spacy_crf_tagger.pipeline.tagger.settings import TaggerSettings
from tests.helpers.paths import ROOT

REFERENCE = ROOT / "docs" / "reference"
COMPONENT = "spacy_crf_tagger.pipeline.ner.component.CRFEntityRecognizer"
# What `TagTask` asks of a class, which a user neither calls nor sets.
CLASS_VARIABLES = {
    "advice",
    "outside_tag",
    "scores_setting",
    "settings_type",
    "tag_settings",
}
COMMANDS = {
    name: command
    for name, command in typer.main.get_command(app).commands.items()
    if not command.hidden
}


class Page(NamedTuple):
    """What a page says.

    directives (Dict[str, List[str]]): The members that each directive of mkdocstrings
        lists.
    tables (List[Dict[str, List[str]]]): The cells of each row of each table by what is
        named in its first cell.
    text (str): All of it.
    """

    directives: Dict[str, List[str]]
    tables: List[Dict[str, List[str]]]
    text: str


def parse_tables(text: str) -> List[Dict[str, List[str]]]:
    tables = []
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        rows: Dict[str, List[str]] = {}
        for line in table.splitlines()[2:]:
            cells = [cell.strip() for cell in line.split("|")[1:-1]]
            for name in re.findall(r"`([^`]+)`", cells[0]):
                rows[name] = cells
        tables.append(rows)
    return tables


@cache
def read(name: str) -> Page:
    text = (REFERENCE / f"{name}.md").read_text("utf8")
    directives = {}
    for path, options in re.findall(r"^::: (\S+)\n((?:    .*\n)*)", text, re.MULTILINE):
        directives[path] = re.findall(r"^ +- (\w+)$", options, re.MULTILINE)
    return Page(directives, parse_tables(text), text)


def section(page: Page, title: str) -> str:
    return page.text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def resolve(path: str) -> object:
    """RETURNS (object): What has a dotted path."""
    parts = path.split(".")
    for number in range(len(parts) - 1, 0, -1):
        try:
            found = __import__(".".join(parts[:number]), fromlist=["_"])
        except ModuleNotFoundError:
            continue
        for name in parts[number:]:
            found = getattr(found, name)
        return found
    raise ModuleNotFoundError(path)


@pytest.mark.parametrize(
    "path", sorted(REFERENCE.glob("*.md")), ids=lambda path: path.stem
)
def test_directives_name_what_there_is(path: Path):
    for name, members in read(path.stem).directives.items():
        found = resolve(name)
        assert found.__doc__, name
        assert [m for m in members if not hasattr(found, m)] == []


def test_crf_page_has_every_public_name():
    documented = {name.rpartition(".") for name in read("crf").directives}
    assert {path for path, _, _ in documented} == {"spacy_crf_tagger.crf"}
    assert {name for _, _, name in documented} == set(crf.__all__)


def public_members(kind: type) -> Set[str]:
    """RETURNS (Set[str]): What a user calls; settings have tables of their own."""
    return {
        name
        for name in dir(kind)
        if not name.startswith("_") and not isinstance(getattr(kind, name), Setting)
    } - CLASS_VARIABLES


def test_component_page_has_every_public_member():
    page = read("component")
    members = page.directives[COMPONENT]
    of_spacy = {name for table in page.tables for name in table}
    public = public_members(CRFEntityRecognizer)
    assert public == {*members, *(of_spacy - {"__call__"})}
    assert len(members) == len(set(members))


def test_tagger_page_has_every_member_and_setting():
    page = read("tagger")
    members = page.directives["spacy_crf_tagger.pipeline.tagger.component.CRFTagger"]
    assert set(members) == public_members(CRFTagger) & set(vars(CRFTagger))
    [table] = [table for table in page.tables if "attribute" in table]
    assert set(table) == {field.name for field in fields(TaggerSettings)}
    for name, value in TaggerSettings().to_cfg().items():
        assert table[name][1].strip("`") == json.dumps(value), name


def test_settings_page_has_every_field_and_its_default():
    [table] = [table for table in read("settings").tables if "scheme" in table]
    assert set(table) == {field.name for field in fields(Settings)}
    defaults = {**Settings().to_cfg(), "label_weights": None, "label_floors": None}
    for name, value in defaults.items():
        assert table[name][1].strip("`") == json.dumps(value), name
    for name, choices in Settings.choices.items():
        assert re.findall(r'`"(\w+)"`', table[name][2]) == list(choices)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("BiLSTMAttentionCRF", build_bilstm_attention_crf),
        ("TypeEmbed", build_type_embed),
    ],
)
def test_architectures_page_has_every_argument_and_its_default(name, function):
    page = read("architectures")
    [table] = parse_tables(section(page, f"spacy_crf_tagger.{name}.v1"))
    assert list(table) == list(inspect.signature(function).parameters)
    of_component = DEFAULT_MODEL if name != "TypeEmbed" else DEFAULT_MODEL["tok2vec"]
    for argument, (_, default, _) in table.items():
        if argument != "tok2vec":
            assert default.strip("`") == json.dumps(of_component[argument]), argument


def test_architectures_page_has_the_config_of_the_component():
    [block] = re.findall(r"```ini\n(.*?)```", read("architectures").text, re.DOTALL)
    config = load_config(ROOT / "configs" / "crf_ner.cfg", interpolate=False)
    shown = Config().from_str(f"[components]\n[components.crf_ner]\n{block}")
    expected = config["components"]["crf_ner"]["model"]
    assert shown["components"]["crf_ner"]["model"] == expected == DEFAULT_MODEL


def test_commands_page_has_every_command():
    titles = re.findall(r"^## (.*)$", read("commands").text, re.MULTILINE)
    assert set(titles) - {"spaCy's commands"} == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_page_has_every_option_and_its_default(name):
    text = section(read("commands"), name)
    assert f"    python -m spacy crf {name}" in text
    rows = {}
    for table in parse_tables(text):
        rows.update(table)
    named = set()
    for param in COMMANDS[name].params:
        spelled = [*param.opts, *param.secondary_opts]
        options = [o for o in spelled if o.startswith("-")] or [param.metavar]
        named.update(options)
        default = getattr(param.default, "value", param.default)
        for option in options:
            shown = rows[option][1].strip("`")
            is_shown = default is not None and default is not False
            assert shown == (str(default) if is_shown else ""), option
    # Metavariables may be mentioned in the first cell of no other row.
    assert set(rows) == named
