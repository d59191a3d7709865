"""Nothing is lost and nothing comes twice: interruptions, changes, failures, kills."""

import json
import multiprocessing
import os
import random
import re
import signal
import threading
import time

import pytest

from spacy_crf_tagger.cli import annotate as command
from spacy_crf_tagger.cli.annotate import OnError, annotate
from spacy_crf_tagger.cli.annotation import pool
from spacy_crf_tagger.cli.annotation.job import Worker
from spacy_crf_tagger.data.shards.folder import FAILED, MANIFEST
from tests.helpers.annotating import (
    content_of,
    make_texts,
    read_rows,
    save_pipeline,
    save_trap,
    write_rows,
)
from tests.helpers.disks import small_disk

SHARD_ROWS = 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("annotate")


@pytest.fixture(scope="module")
def pipeline(folder):
    return save_pipeline(folder / "model")


@pytest.fixture(scope="module")
def code(folder):
    return folder / "code.py"


@pytest.fixture(scope="module")
def trap(folder, code):
    return save_trap(folder / "trap", code)


@pytest.fixture
def source(tmp_path):
    return write_rows(tmp_path / "in.jsonl", make_texts(170))


@pytest.fixture
def expected(pipeline, source, tmp_path):
    annotate(pipeline, [source], tmp_path / "expected", shard_rows=SHARD_ROWS)
    return content_of(tmp_path / "expected")


def stop_after(n, monkeypatch):
    """Let a run end as by Ctrl-C when it has done some shards."""
    run, done = Worker.run, []

    def count(self, *args):
        if len(done) == n:
            raise KeyboardInterrupt
        done.append(run(self, *args))
        return done[-1]

    monkeypatch.setattr(Worker, "run", count)
    return done


def test_interrupted_run_goes_on(
    crf, pipeline, source, expected, tmp_path, monkeypatch
):
    arguments = (pipeline, source, tmp_path / "out", "--shard-rows", SHARD_ROWS)
    with monkeypatch.context() as patch:
        done = stop_after(3, patch)
        outcome = crf("annotate", *arguments)
    assert outcome.exit_code == 130
    assert "goes on" in outcome.output
    assert [receipt.number for receipt in done] == [0, 1, 2]
    assert len(list((tmp_path / "out").glob("part-*"))) == 3
    with monkeypatch.context() as patch:
        done = stop_after(100, patch)
        assert crf("annotate", *arguments).exit_code == 0
    assert [receipt.number for receipt in done] == [3, 4, 5, 6, 7, 8]
    assert content_of(tmp_path / "out") == expected
    with monkeypatch.context() as patch:
        done = stop_after(0, patch)
        assert crf("annotate", *arguments).exit_code == 0
    assert content_of(tmp_path / "out") == expected


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-2]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"e", b"a")),
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
    ],
)
@pytest.mark.parametrize("which", ["part-000001.jsonl", "receipts/part-000001.json"])
def test_damaged_shard_is_done_again(
    pipeline, source, expected, tmp_path, which, damage, monkeypatch
):
    output = tmp_path / "expected"
    damage(output / which)
    is_damaged = content_of(output) != expected
    done = stop_after(100, monkeypatch)
    annotate(pipeline, [source], output, shard_rows=SHARD_ROWS)
    assert [receipt.number for receipt in done] == [1] * is_damaged
    assert content_of(output) == expected


def test_changed_input_is_refused(crf, pipeline, source, expected, tmp_path):
    arguments = (pipeline, source, tmp_path / "expected", "--shard-rows", SHARD_ROWS)
    text = source.read_text("utf8")
    for changed, message in (
        (text.replace("Grace", "grace"), "rows of .*in.jsonl from 1 on have changed"),
        (text[: len(text) // 2], "inputs have changed"),
        (text + text, "inputs have changed"),
    ):
        source.write_text(changed, "utf8")
        outcome = crf("annotate", *arguments)
        assert outcome.exit_code == 1
        assert re.search(message, outcome.output), outcome.output
        assert "--no-resume" in outcome.output
        assert content_of(tmp_path / "expected") == expected
    assert crf("annotate", *arguments, "--no-resume").exit_code == 0
    assert len(read_rows(tmp_path / "expected")) == 340


def test_other_pipeline_or_settings_are_refused(
    crf, pipeline, trap, source, expected, tmp_path
):
    output = tmp_path / "expected"
    for model, options, message in (
        (trap, ["--shard-rows", SHARD_ROWS], "pipeline: digest was"),
        (pipeline, [], "settings: shard_rows was 20 and is 5000"),
        (pipeline, ["--shard-rows", SHARD_ROWS, "--top-k", 2], "top_k was 0 and is 2"),
        (pipeline, ["--shard-rows", SHARD_ROWS, "-f", "spacy"], "format was jsonl"),
    ):
        outcome = crf("annotate", model, source, output, *options)
        assert outcome.exit_code == 1
        assert message in outcome.output
        assert content_of(output) == expected


def test_folder_of_others_is_kept(crf, pipeline, source, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name, message in (("mine", "something else"), ("file", "OUTPUT is a folder")):
        for option in ("--resume", "--no-resume"):
            outcome = crf("annotate", pipeline, source, tmp_path / name, option)
            assert outcome.exit_code == 1
            assert message in outcome.output
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes"]


def test_second_run_in_a_folder_is_refused(
    crf, pipeline, source, tmp_path, monkeypatch
):
    output = tmp_path / "out"
    run = Worker.run
    outcomes = []

    def run_beside(self, *args):
        if not outcomes:
            outcomes.append(crf("annotate", pipeline, source, output))
        return run(self, *args)

    monkeypatch.setattr(Worker, "run", run_beside)
    annotate(pipeline, [source], output)
    assert outcomes[0].exit_code == 1
    assert "another run" in outcomes[0].output


# Documents that fail


def write_bad_rows(path):
    good = make_texts(60)
    lines = [json.dumps({"id": n, "text": text}) for n, text in enumerate(good)]
    lines[5] = '{"id": 5, "text": "broken off'
    lines[17] = '{"id": 17}'
    lines[18] = '{"id": 18, "text": null}'
    lines[30] = json.dumps({"id": 30, "text": "FAIL here"})
    lines[31] = json.dumps({"id": 31, "text": "half \ud800"})
    lines[40] = json.dumps({"id": 40, "text": "FAIL " * 3})
    lines[41] = "[1, 2]"
    content = [line.encode("utf8") for line in lines]
    content[50] = b'{"id": 50, "text": "Z\xfcrich"}'
    path.write_bytes(b"\n".join(content))
    return [5, 17, 18, 30, 31, 40, 41, 50]


def test_documents_that_fail_are_kept_aside(crf, trap, code, tmp_path):
    bad = write_bad_rows(tmp_path / "in.jsonl")
    arguments = (trap, tmp_path / "in.jsonl", tmp_path / "out", "--code", code)
    outcome = crf("annotate", *arguments, "--shard-rows", SHARD_ROWS)
    assert outcome.exit_code == 2
    assert "52 documents" in outcome.output
    assert "8 failed" in outcome.output
    ids = [row["id"] for row in read_rows(tmp_path / "out")]
    assert ids == [n for n in range(60) if n not in bad]
    lines = (tmp_path / "out" / FAILED).read_text("utf8").splitlines()
    failures = [json.loads(line) for line in lines]
    assert [failure["number"] - 1 for failure in failures] == bad
    assert {failure["name"] for failure in failures} == {str(tmp_path / "in.jsonl")}
    for failure, error in zip(
        failures,
        [
            *(
                "no JSON",
                "no column 'text'",
                "no text",
                "KeyError: 'as the text wants'",
            ),
            *("surrogate", "KeyError", "no JSON object", "not UTF-8"),
        ],
        strict=True,
    ):
        assert error in failure["error"]
    assert failures[0]["record"] == '{"id": 5, "text": "broken off'
    assert failures[3]["record"] == {"id": 30, "text": "FAIL here"}
    # A run that goes on says so again.
    assert crf("annotate", *arguments, "--shard-rows", SHARD_ROWS).exit_code == 2


def test_column_of_the_annotation_is_not_overwritten(crf, pipeline, tmp_path):
    rows = [{"text": "In Paris"}, {"text": "In Paris", "entities": "mine"}]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, rows)))
    output = tmp_path / "out"
    outcome = crf("annotate", pipeline, tmp_path / "in.jsonl", output)
    assert outcome.exit_code == 2
    [failure] = map(json.loads, (output / FAILED).read_text().splitlines())
    assert "--prefix" in failure["error"]
    assert failure["record"] == rows[1]


def test_rows_beside_one_that_fails_are_as_they_would_be(trap, code, tmp_path):
    texts = make_texts(60)
    write_rows(tmp_path / "good.jsonl", [*texts[:40], "Fine", *texts[40:]])
    write_rows(tmp_path / "bad.jsonl", [*texts[:40], "FAIL", *texts[40:]])
    for name in ("good", "bad"):
        annotate(trap, [tmp_path / f"{name}.jsonl"], tmp_path / name, code=code)
    good = [row for row in read_rows(tmp_path / "good") if row["text"] != "Fine"]
    assert len(good) == 60
    for row, same in zip(good, read_rows(tmp_path / "bad"), strict=True):
        for entity, other in zip(row["entities"], same["entities"], strict=True):
            probability = pytest.approx(other.pop("probability"), abs=2e-4)
            assert entity.pop("probability") == probability
        assert row == same


@pytest.mark.parametrize("processes", [1, 2])
def test_first_document_that_fails_can_stop_the_run(
    crf, trap, code, tmp_path, processes
):
    texts = make_texts(60)
    texts[30] = "FAIL"
    write_rows(tmp_path / "in.jsonl", texts)
    arguments = (trap, tmp_path / "in.jsonl", tmp_path / "out", "--code", code)
    options = ("--shard-rows", SHARD_ROWS, "--processes", processes)
    outcome = crf("annotate", *arguments, *options, "--on-error", OnError.stop.value)
    assert outcome.exit_code == 1
    assert "in.jsonl, row 31: KeyError" in outcome.output
    assert not (tmp_path / "out" / "part-000001.jsonl").exists()
    assert crf("annotate", *arguments, *options).exit_code == 2
    assert len(read_rows(tmp_path / "out")) == 59


def test_first_row_that_all_others_would_fail_like_is_an_error(crf, pipeline, tmp_path):
    rows = [{"body": "In Paris", "text": 1, "entities": []}] * 3
    lines = "\n".join(map(json.dumps, rows))
    (tmp_path / "in.jsonl").write_text(lines)
    arguments = ("annotate", pipeline, tmp_path / "in.jsonl", tmp_path / "out")
    for options, message in (
        ([], "--text-field"),
        (["--text-field", "title"], "only 'body', 'text', 'entities'"),
        (["--text-field", "body"], "--prefix"),
    ):
        outcome = crf(*arguments, *options)
        assert outcome.exit_code == 1
        assert message in outcome.output
        assert not (tmp_path / "out" / MANIFEST).exists()
    options = ("--text-field", "body", "--prefix", "crf_")
    assert crf(*arguments, *options).exit_code == 0


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("in.jsonl", "{}\n".encode("utf-16"), "UTF-16"),
        ("in.spacy", b"no DocBin", "no .spacy file"),
        ("in.parquet", b"no Parquet", "no Parquet"),
        ("in.docx", b"PK", "--input-format"),
        ("folder", None, "no file that ends in .txt"),
        ("nowhere.txt", None, "no such file"),
        ("no*.txt", None, "no file has such a name"),
    ],
)
def test_input_that_cannot_be_read(crf, pipeline, tmp_path, name, content, message):
    if name == "in.parquet":
        pytest.importorskip("pyarrow")
    if content is not None:
        (tmp_path / name).write_bytes(content)
    if name == "folder":
        (tmp_path / name).mkdir()
    outcome = crf("annotate", pipeline, tmp_path / name, tmp_path / "out")
    assert outcome.exit_code == 1
    assert message in outcome.output
    assert name.split("*")[0] in outcome.output


# Disks and processes that end


def test_full_disk_keeps_what_is_whole(crf, pipeline, source, expected, tmp_path):
    output = tmp_path / "out"
    arguments = ("annotate", pipeline, source, output, "--shard-rows", SHARD_ROWS)
    with small_disk(3000):
        outcome = crf(*arguments)
    assert outcome.exit_code == 1
    assert "goes on" in outcome.output
    assert not list(output.glob("part-*"))
    assert crf(*arguments).exit_code == 0
    assert content_of(output) == expected


def test_killed_runs_go_on(pipeline, source, expected, tmp_path):
    rng = random.Random(0)
    output = tmp_path / "out"
    for _ in range(8):
        pid = os.fork()
        if not pid:
            try:
                annotate(pipeline, [source], output, shard_rows=SHARD_ROWS)
            finally:
                os._exit(0)
        time.sleep(rng.uniform(0, 0.5))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        for path in output.glob("part-*"):
            assert path.read_bytes() == expected[path.name]
    annotate(pipeline, [source], output, shard_rows=SHARD_ROWS)
    assert content_of(output) == expected


def test_worker_that_dies_is_replaced(pipeline, source, expected, tmp_path):
    killed = []

    def kill_two():
        for _ in range(2):
            while not (children := multiprocessing.active_children()):
                time.sleep(0.01)
            time.sleep(0.3)
            victim = children[0]
            victim.kill()
            victim.join()
            killed.append(victim.pid)

    thread = threading.Thread(target=kill_two, daemon=True)
    thread.start()
    annotate(pipeline, [source], tmp_path / "out", shard_rows=SHARD_ROWS, processes=2)
    thread.join(60)
    assert len(set(killed)) == 2
    assert content_of(tmp_path / "out") == expected


def test_processes_that_always_end_end_the_run(crf, trap, code, tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "_MOST_GIVEN_UP", 1)
    write_rows(tmp_path / "in.jsonl", ["KILL"])
    arguments = (trap, tmp_path / "in.jsonl", tmp_path / "out", "--code", code)
    outcome = crf("annotate", *arguments, "-n", 2)
    assert outcome.exit_code == 1
    assert "with signal 9" in outcome.output
    assert not list((tmp_path / "out").glob("part-*"))


def test_shard_that_kills_its_process_is_given_up(crf, trap, code, tmp_path):
    texts = make_texts(60)
    texts[30] = "KILL"
    write_rows(tmp_path / "in.jsonl", texts)
    arguments = (trap, tmp_path / "in.jsonl", tmp_path / "out", "--code", code)
    outcome = crf("annotate", *arguments, "--shard-rows", SHARD_ROWS, "-n", 2)
    assert outcome.exit_code == command.FAILED_CODE
    ids = [row["id"] for row in read_rows(tmp_path / "out")]
    assert ids == [*range(20), *range(40, 60)]
    lines = (tmp_path / "out" / FAILED).read_text("utf8").splitlines()
    failures = [json.loads(line) for line in lines]
    assert [failure["record"]["id"] for failure in failures] == list(range(20, 40))
    assert "3 times, the last time with signal 9" in failures[0]["error"]
