"""Inputs are cut into shards that have every row once, in its order."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_crf_tagger.data.shards.inputs import find_inputs
from spacy_crf_tagger.data.shards.plan import cut_into_shards
from spacy_crf_tagger.data.shards.rows import Failure, Row, read_rows
from spacy_crf_tagger.data.source import UnreadableError

NLP = spacy.blank("xx")
LINES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"))


def rows_of(shards):
    return [
        row
        for shard in shards
        for piece in shard.pieces
        for row in read_rows(piece, "text", NLP)
    ]


def is_empty(line):
    return not line.encode("utf8") or line.encode("utf8").isspace()


@settings(max_examples=100, deadline=None)
@given(
    files=st.lists(st.lists(LINES, max_size=12), min_size=1, max_size=3),
    n_rows=st.integers(1, 10),
    n_bytes=st.integers(1, 60),
    end=st.sampled_from(["\n", "\r\n"]),
    ends_last=st.booleans(),
)
def test_every_line_is_there_once(files, n_rows, n_bytes, end, ends_last):
    with TemporaryDirectory() as folder:
        for number, lines in enumerate(files):
            text = end.join(lines) + end * ends_last
            (Path(folder) / f"{number}.txt").write_bytes(text.encode("utf8"))
        shards = list(cut_into_shards(find_inputs([folder]), n_rows, n_bytes))
        assert [shard.number for shard in shards] == list(range(len(shards)))
        rows = rows_of(shards)
        again = list(cut_into_shards(find_inputs([folder]), n_rows, n_bytes))
    assert shards == again
    expected = [
        (f"{number}.txt", n, line.lstrip("\ufeff"))
        for number, lines in enumerate(files)
        for n, line in enumerate(lines, start=1)
        if not is_empty(line)
    ]
    assert [(Path(r.name).name, r.number, r.columns["text"]) for r in rows] == expected


@pytest.mark.parametrize("n_rows", [1, 7, 10, 1000])
def test_every_row_of_parquet_is_there_once(tmp_path, n_rows):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    texts = [f"Text {n}" for n in range(95)]
    table = pa.table({"text": texts, "n": range(95)})
    parquet.write_table(table, tmp_path / "x.parquet", row_group_size=10)
    shards = list(cut_into_shards(find_inputs([str(tmp_path)]), n_rows))
    assert len(shards) == -(-95 // n_rows)
    rows = rows_of(shards)
    assert [row.columns["text"] for row in rows] == texts
    assert [row.number for row in rows] == list(range(1, 96))


def test_digest_tells_what_has_changed(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("a\nb\nc\nd\n")
    before = list(cut_into_shards(find_inputs([str(path)]), 2))
    path.write_text("a\nb\nc\nD\n")
    after = list(cut_into_shards(find_inputs([str(path)]), 2))
    assert before[0] == after[0]
    assert before[1].digest != after[1].digest


def test_file_that_shrinks_is_an_error(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("a\nb\n")
    shards = list(cut_into_shards(find_inputs([str(path)]), 10))
    path.write_text("a\n")
    with pytest.raises(UnreadableError, match="changed while it was read"):
        rows_of(shards)


def test_lines_that_are_no_rows_are_failures(tmp_path):
    path = tmp_path / "x.jsonl"
    good = {"text": "a", "n": 1}
    lines = [json.dumps(good), "{", '"a"', '{"text": ["a"]}', json.dumps(good)]
    path.write_text("\n".join(lines))
    rows = rows_of(cut_into_shards(find_inputs([str(path)]), 2))
    assert [type(row) for row in rows] == [Row, Failure, Failure, Failure, Row]
    assert [row.number for row in rows] == [1, 2, 3, 4, 5]
    assert rows[0].columns == good
    assert [row.record for row in rows[1:4]] == ["{", "a", {"text": ["a"]}]
