"""Shards that the actors of a Ray cluster annotate, of two nodes on this machine."""

import json

import pytest

from spacy_crf_tagger.cli.annotate import annotate
from tests.helpers.annotating import (
    content_of,
    make_texts,
    save_pipeline,
    save_trap,
    write_rows,
)

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def cluster():
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def test_actors_write_the_same_bytes(cluster, tmp_path):
    pipeline = save_pipeline(tmp_path / "model")
    source = write_rows(tmp_path / "in.jsonl", make_texts(200))
    for name, ray in (("here", None), ("there", "auto")):
        annotate(pipeline, [source], tmp_path / name, shard_rows=30, ray=ray)
    assert content_of(tmp_path / "here") == content_of(tmp_path / "there")
    # A run on Ray goes on as any other does, and so does one that Ray has begun.
    for name, ray in (("here", "auto"), ("there", None)):
        (tmp_path / name / "part-000002.jsonl").unlink()
        annotate(pipeline, [source], tmp_path / name, shard_rows=30, ray=ray)
    assert content_of(tmp_path / "here") == content_of(tmp_path / "there")


def test_node_that_goes_takes_nothing_with_it(cluster, tmp_path, monkeypatch):
    pipeline = save_trap(tmp_path / "model", tmp_path / "code.py")
    texts = [f"{text} WAIT" for text in make_texts(300)]
    source = write_rows(tmp_path / "in.jsonl", texts)
    options = {"shard_rows": 20, "code": tmp_path / "code.py"}
    annotate(pipeline, [source], tmp_path / "here", **options)
    node = cluster.add_node(num_cpus=1)

    from spacy_crf_tagger.cli.annotation.progress import Progress

    finish, removed = Progress.finish, []

    def finish_and_remove(self, n_bytes):
        finish(self, n_bytes)
        if not removed:
            removed.append(node)
            cluster.remove_node(node, allow_graceful=False)

    monkeypatch.setattr(Progress, "finish", finish_and_remove)
    annotate(pipeline, [source], tmp_path / "there", ray="auto", **options)
    assert removed
    assert content_of(tmp_path / "here") == content_of(tmp_path / "there")


def test_first_document_that_fails_can_stop_the_run(cluster, crf, tmp_path):
    pipeline = save_trap(tmp_path / "model", tmp_path / "code.py")
    texts = make_texts(60)
    texts[30] = "FAIL"
    source = write_rows(tmp_path / "in.jsonl", texts)
    arguments = ("annotate", pipeline, source, tmp_path / "out", "--shard-rows", 20)
    options = ("--code", tmp_path / "code.py", "--ray", "auto", "--processes", 1)
    outcome = crf(*arguments, *options, "--on-error", "stop")
    assert outcome.exit_code == 1
    assert "row 31: KeyError" in outcome.output
    assert crf(*arguments, *options).exit_code == 2


def test_shard_that_ends_its_process_fails(cluster, crf, tmp_path):
    pipeline = save_trap(tmp_path / "model", tmp_path / "code.py")
    texts = [*make_texts(3), "KILL", *make_texts(3)]
    source = write_rows(tmp_path / "in.jsonl", texts)
    arguments = ("annotate", pipeline, source, tmp_path / "out", "--ray", "auto")
    outcome = crf(*arguments, "--code", tmp_path / "code.py", "--shard-rows", 1)
    assert outcome.exit_code == 2
    [failed] = (tmp_path / "out" / "failed.jsonl").read_text("utf8").splitlines()
    failure = json.loads(failed)
    assert (failure["number"], failure["record"]["text"]) == (4, "KILL")
    assert "3 times" in failure["error"]
    assert not list((tmp_path / "out").glob(".*attempts"))
