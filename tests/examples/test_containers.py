"""The Dockerfiles of the service. They cannot be built in tests: what they name must
be there.
"""

import json
import re
from importlib.util import find_spec

import pytest

from tests.helpers.pages import blocks_of
from tests.helpers.paths import ROOT

DOCKERFILES = sorted((ROOT / "examples").rglob("*Dockerfile"))
PIPELINE_WHEELS = "packages/dist/*.whl"  # made by project.yml


def instructions(path):
    """RETURNS the instructions of a Dockerfile, and what each is given."""
    text = re.sub(r"(?m)^#.*\n", "", path.read_text("utf8")).replace("\\\n", " ")
    return [line.split(maxsplit=1) for line in text.splitlines() if line]


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_what_is_copied_is_there(path):
    copied = [
        source
        for instruction, given in instructions(path)
        if instruction == "COPY"
        for source in given.split()[:-1]
    ]
    assert PIPELINE_WHEELS in copied
    copied.remove(PIPELINE_WHEELS)
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert f"-f {path.relative_to(ROOT)} " in path.read_text("utf8")


def test_the_service_is_where_the_container_starts_it():
    path = ROOT / "examples" / "serve" / "Dockerfile"
    starts = [given for name, given in instructions(path) if name == "CMD"]
    [app] = [word for word in json.loads(starts[-1]) if ":" in word]
    module, factory = app.split(":")
    source = find_spec(module).origin
    assert f"def {factory}(" in (ROOT / source).read_text("utf8")


def test_pages_show_what_the_files_are():
    shown = [
        block.text
        for page in ("serve", "packages")
        for block in blocks_of((ROOT / "docs" / f"{page}.md").read_text("utf8"))
        if block.language == "dockerfile"
    ]
    assert sorted(shown) == sorted(path.read_text("utf8") for path in DOCKERFILES)
