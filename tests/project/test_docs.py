"""What the documentation shows is what happens."""

import re
import shlex

import pytest
import spacy
import srsly
import typer
from spacy.training import Example
from spacy.util import load_config
from thinc.api import Config

from docs.extensions.links import REPOSITORY, link_outside
from docs.extensions.spacy_docstrings import to_google_style
from spacy_crf_tagger.cli import spacy_app
from tests.helpers import pages
from tests.helpers.pages import FENCE, blocks_of
from tests.helpers.paths import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "benchmarks" / "README.md",
    *PAGES,
]
ADDRESSES = (
    f"{REPOSITORY}/blob/main/",
    REPOSITORY.replace("github.com", "raw.githubusercontent.com") + "/main/",
)
# At the start of a line, which may be continued, or in a sentence.
COMMAND = re.compile(
    r"(?m)^ *(?:\$ )?(python -m spacy (?:.*\\\n)*.*)$|`(python -m spacy [^`\n]+)`"
)


def name_of(path):
    return str(path.relative_to(ROOT))


def without_blocks(text):
    return re.sub(r"`[^`\n]+`", "", FENCE.sub("", text))


def has_code(path):
    languages = {block.language for block in blocks_of(path.read_text("utf8"))}
    return bool(languages & {"python", "sh"})


@pytest.mark.parametrize("path", filter(has_code, DOCUMENTS), ids=name_of)
def test_pages_run(path, tmp_path):
    assert pages.run_page_apart(path, tmp_path, timeout=240) == ""


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("raise OSError('full')", "OSError: full"),
        ("raise SystemExit(0)", "SystemExit"),
        ("import warnings\nwarnings.warn('old')", "UserWarning: old"),
        ("import os\nos._exit(3)", "ended with 3"),
        ("import time\ntime.sleep(600)", "not done after"),
    ],
)
def test_page_that_fails_apart_is_found(code, error, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"```python\n{code}\n```\n", "utf8")
    timeout = 1 if "sleep" in code else 240
    assert error in pages.run_page_apart(page, tmp_path, timeout)


def test_block_that_fails_is_found(tmp_path):
    page = tmp_path / "page.md"
    for text, error in (
        ("```python\nx = 1\n```\n\n```python\nprint(x)\n```\n\n```text\n2\n```\n", "1"),
        ("\n\n```python\nraise OSError\n```\n", f"{page}:4"),
        ("```python\nprint(0.5)\n```\n```text\n0.7\n```\n", "0.5"),
    ):
        page.write_text(text, "utf8")
        with pytest.raises((AssertionError, OSError)) as caught:
            pages.run_page(page)
        assert error in str(caught.getrepr())


def commands_of(path):
    """RETURNS the words of every command of spaCy that a page shows, and whether it is
    complete: in a sentence it may be only its name.
    """
    for block, inline in COMMAND.findall(path.read_text("utf8")):
        text = (block or inline).replace("\\\n", " ").replace("…", "")
        words = shlex.split(text, comments=True)[3:]
        is_complete = bool(block) and "…" not in block and "--help" not in words
        yield [word for word in words if word != "--help"], is_complete


def check_command(words, is_complete=True):
    """Check that a command exists, and has the options that it is given."""
    if words[:1] == ["project"]:
        if words[1:2] == ["run"]:
            project = srsly.read_yaml(ROOT / "project.yml")
            names = {command["name"] for command in project["commands"]}
            assert words[2] in {"all", *names, *project["workflows"]}, words
        return
    command = typer.main.get_command(spacy_app)
    while hasattr(command, "commands"):  # Typer has a copy of Click of its own
        if not (words or is_complete):
            return
        name, *words = words
        command = command.commands[name]
    context = command.context_class(command, **command.context_settings)
    try:
        parsed, others, _ = command.make_parser(context).parse_args(list(words))
    except Exception as error:
        raise AssertionError(f"{command.name}: {error}") from error
    required = [each.name for each in command.params if each.required]
    assert not is_complete or all(map(parsed.get, required)), required
    # Settings of a config, such as --training.max_steps 400.
    for name in filter(lambda word: word.startswith("-"), others):
        sections = name.strip("-").split(".")[:-1]
        assert sections, name
        assert sections[0] in load_config(ROOT / "configs" / "crf_ner.cfg"), name


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_commands_exist(path):
    for words, is_complete in commands_of(path):
        check_command(words, is_complete)


@pytest.mark.parametrize(
    "command",
    [
        "crf convert",
        "crf forget x",
        "crf convert a b --lenient",
        "train --output folder",
        "train a --steps 3",
        "train a --trainig.max_steps 3",
        "project run everything",
    ],
)
def test_command_that_does_not_exist_is_found(command):
    with pytest.raises((AssertionError, KeyError)):
        check_command(command.split())


def in_repository(path, link):
    """RETURNS the file that a link leads to; None for other places."""
    for address in ADDRESSES:
        if link.startswith(address):
            return ROOT / link.removeprefix(address)
    if "://" in link or link.startswith("mailto:"):
        return None
    return path.parent / link


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(path):
    text = without_blocks(path.read_text("utf8"))
    links = re.findall(r"\]\(([^)#\s]+)", text)
    links += re.findall(r"(?m)^\[[^\]]+\]: ([^\s#]+)", text)
    found = {link: in_repository(path, link) for link in links}
    assert [x for x, target in found.items() if target and not target.exists()] == []


def test_links_of_the_readme_are_absolute_and_defined():
    """They are read on a package index as well."""
    text = without_blocks((ROOT / "README.md").read_text("utf8"))
    assert re.findall(r"\]\((?!https://)", text) == []
    defined = re.findall(r"(?m)^\[([^\]]+)\]: https://", text)
    assert set(re.findall(r"\]\[([^\]]+)\]", text)) == set(defined)


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf8").splitlines()) <= 150


def test_urls_of_the_package_are_those_of_the_repository():
    text = (ROOT / "pyproject.toml").read_text("utf8")
    section = re.search(r"(?m)^\[project\.urls\]\n((?:.+\n)+)", text)[1]
    urls = re.findall(r'= "(.+)"', section)
    assert len(urls) == 4
    for url in urls:
        target = in_repository(ROOT / "README.md", url)
        assert url.startswith(REPOSITORY)
        assert target is None or target.exists()


def test_every_page_is_in_the_navigation():
    text = (ROOT / "mkdocs.yml").read_text("utf8")
    listed = re.findall(r"(?m)^ +- [^:]+: (\S+\.md)$", text)
    assert sorted(listed) == [str(path.relative_to(DOCS)) for path in PAGES]


def test_docstrings_in_the_style_of_spacy_are_read():
    """Their items become sections that Griffe knows."""
    text = (
        "Do it.\n\nMore: of it.\n\nx (Optional[int]): The first,\n    on two lines.\n"
        "**rest (Any): Others.\nRETURNS (Dict[str, int]): What is done.\n"
        "RAISES (ValueError): If not.\nRAISES (OSError): Never."
    )
    assert to_google_style(text) == (
        "Do it.\n\nMore: of it.\n\n"
        "Args:\n    x (Optional[int]): The first, on two lines.\n"
        "    **rest (Any): Others.\n\n"
        "Returns:\n    Dict[str, int]: What is done.\n\n"
        "Raises:\n    ValueError: If not.\n    OSError: Never."
    )
    assert to_google_style("A pair.\n\na (int): One.", is_class=True) == (
        "A pair.\n\nAttributes:\n    a (int): One."
    )
    assert to_google_style("Nothing to list.") == "Nothing to list."


def test_links_out_of_the_pages_lead_to_the_repository():
    page = DOCS / "reference" / "component.md"
    for link, expected in (
        ("../train.md", "../train.md"),
        ("../../configs/ner.cfg", f"{REPOSITORY}/blob/main/configs/ner.cfg"),
        ("../../project.yml", f"{REPOSITORY}/blob/main/project.yml"),
        ("nowhere.md", "nowhere.md"),
    ):
        assert link_outside(page, link) == expected


# What the pages say of configs


def lines_by_section(text):
    parts = re.split(r"(?m)^ ?\[([^]]+)\]\n", text)
    return {
        name: [line for line in lines.split("\n") if line]
        for name, lines in zip(parts[1::2], parts[2::2], strict=True)
    }


def change(sections, diff):
    """RETURNS sections of a config, changed as a diff says."""
    changed = {name: list(lines) for name, lines in sections.items()}
    for name, lines in lines_by_section(diff).items():
        for line in lines:
            if line[0] == "-":
                changed[name].remove(line[1:])
            elif line[0] == "+":
                changed[name].append(line[1:])
    return changed


def test_config_with_ner_is_changed_as_the_page_says():
    text = (DOCS / "train.md").read_text("utf8")
    diffs = [block.text for block in blocks_of(text) if block.language == "diff"]
    assert len(diffs) == 2
    sections = lines_by_section((ROOT / "configs" / "ner.cfg").read_text("utf8"))
    listening = change(sections, diffs[0])
    alone = {
        name: lines
        for name, lines in change(listening, diffs[1]).items()
        if not name.startswith("components.tok2vec")
    }
    for changed, names in ((listening, ["tok2vec", "ner"]), (alone, ["ner"])):
        lines = [f"[{name}]\n" + "\n".join(rest) for name, rest in changed.items()]
        config = Config().from_str("\n".join(lines), interpolate=False)
        nlp = spacy.util.load_model_from_config(config, auto_fill=True)
        assert nlp.pipe_names == names
        assert nlp.get_pipe_meta("ner").factory == "crf_ner"
        gold = {"entities": [(0, 3, "PERSON")]}
        examples = [Example.from_dict(nlp.make_doc("Ada left"), gold)]
        nlp.initialize(lambda examples=examples: examples)
        assert nlp.update(examples)["ner"] > 0
        assert nlp.get_pipe("ner").labels == ("PERSON",)
    # The second is what configs/crf_ner.cfg has.
    ours = load_config(ROOT / "configs" / "crf_ner.cfg").interpolate()
    theirs = nlp.config.interpolate()
    ours["components"]["ner"] = ours["components"].pop("crf_ner")
    for part in ("dropout", "batcher", "optimizer"):
        assert theirs["training"][part] == ours["training"][part]
    assert theirs["components"] == ours["components"]


@pytest.mark.parametrize("name", ["crf_ner", "crf_ner_vectors", "ner"])
def test_configs_are_filled(name):
    config = load_config(ROOT / "configs" / f"{name}.cfg", interpolate=False)
    nlp = spacy.util.load_model_from_config(config.copy(), auto_fill=True)
    assert dict(nlp.config) == dict(config)


@pytest.mark.parametrize("name", ["crf_ner", "crf_ner_trf", "crf_tagger"])
def test_every_setting_of_ours_is_explained(name):
    text = (ROOT / "configs" / f"{name}.cfg").read_text("utf8")
    sections = re.split(r"^\[", text, flags=re.MULTILINE)
    ours = [part for part in sections if part.startswith("components.crf_")]
    lines = [line for part in ours for line in part.split("\n")[1:] if line]
    settings = [
        (above, line)
        for above, line in zip(["", *lines], lines, strict=False)
        if "=" in line and not line.startswith(("@", "#", "factory"))
    ]
    assert len(settings) > 10
    assert [line for above, line in settings if not above.startswith("#")] == []


@pytest.mark.parametrize("name", ["crf_ner", "crf_tagger"])
def test_config_of_a_component_is_its_default(name):
    config = load_config(ROOT / "configs" / f"{name}.cfg")
    nlp = spacy.blank("en")
    nlp.add_pipe(name)
    assert config["components"][name] == nlp.config["components"][name]


def test_config_with_vectors_differs_in_nothing_else():
    plain, with_vectors = (
        (ROOT / "configs" / f"{name}.cfg").read_text("utf8").partition("\n[")[2]
        for name in ("crf_ner", "crf_ner_vectors")
    )
    setting = "\ninclude_static_vectors = "
    assert with_vectors == plain.replace(f"{setting}false\n", f"{setting}true\n")
    assert with_vectors != plain


def test_config_with_clusters_differs_in_nothing_else():
    plain, with_clusters = (
        load_config(ROOT / "configs" / f"{name}.cfg")
        for name in ("crf_ner", "crf_ner_clusters")
    )
    assert with_clusters["paths"].pop("clusters") == "assets/clusters/en"
    plain_tok2vec, tok2vec = (
        config["components"]["crf_ner"]["model"].pop("tok2vec")
        for config in (plain, with_clusters)
    )
    assert plain == with_clusters
    for name, value in plain_tok2vec.items():
        if name in ("attrs", "rows"):
            assert tok2vec[name][: len(value)] == value
        elif name != "clusters":
            assert tok2vec[name] == value
