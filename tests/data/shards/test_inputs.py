"""Which files of texts a user means."""

import os

import pytest

from spacy_crf_tagger.data.shards.inputs import find_inputs
from spacy_crf_tagger.data.source import UnreadableError


def test_a_file_that_is_named_twice_is_read_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("Ada\n", "utf8")
    found = find_inputs(["b.txt", "*.txt", str(tmp_path), os.path.join(".", "b.txt")])
    assert [os.path.basename(each.path) for each in found] == ["b.txt", "a.txt"]


@pytest.mark.parametrize(
    ("name", "error"),
    [("", "its name is empty"), ("c.txt", "no such file"), ("*.md", "no file has")],
)
def test_what_is_no_file_is_refused(tmp_path, monkeypatch, name, error):
    (tmp_path / "a.txt").write_text("Ada\n", "utf8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnreadableError, match=error):
        find_inputs(["a.txt", name])
