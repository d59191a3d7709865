"""Worker processes, threads, packages that cannot be written to, and memory zones."""

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from spacy.tokens import Doc

import spacy_crf_tagger
from tests.helpers.component import (
    TEXTS,
    count_living,
    entities,
    run_python,
    trained_nlp,
)
from tests.helpers.forks import print_forked

SECONDS = 240


def analysis(doc):
    scores = doc.spans["crf_ner"].attrs["scores"]
    return [
        [*entity, pytest.approx(float(score), abs=1e-5)]
        for entity, score in zip(entities(doc), scores, strict=True)
    ]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model")
    trained_nlp().to_disk(path)
    return path


def run_script(script, folder, *arguments):
    path = folder / "script.py"
    path.write_text(script)
    return json.loads(run_python(str(path), *arguments, timeout=SECONDS))


PREAMBLE = """
import json, multiprocessing, sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
import spacy, torch

def analysis(doc):
    scores = doc.spans["crf_ner"].attrs["scores"].tolist()
    return [[e.start, e.end, e.label_, s] for e, s in zip(doc.ents, scores)]

"""
WORKERS = """
if __name__ == "__main__":
    torch.set_num_threads(4)
    nlp = spacy.load(sys.argv[1])
    texts = json.loads(sys.argv[2])
    found = {"alone": [analysis(doc) for doc in nlp.pipe(texts)]}
    for method in sys.argv[3:]:
        multiprocessing.set_start_method(method, force=True)
        multiprocessing.set_forkserver_preload(["spacy", "torch"])
        docs = nlp.pipe(texts, n_process=2, batch_size=8)
        found[method] = [analysis(doc) for doc in docs]
    print(json.dumps(found))
"""


def test_worker_processes_find_the_same_as_a_parent_that_worked_before(model, tmp_path):
    """A forked worker inherits the thread pools of torch and Numba without their
    threads.
    """
    methods = multiprocessing.get_all_start_methods()
    assert set(methods) == {"fork", "forkserver", "spawn"} or sys.platform == "win32"
    texts = TEXTS * 10
    expected = [analysis(doc) for doc in trained_nlp().pipe(texts)]
    assert sum(map(len, expected)) > 50
    arguments = (str(model), json.dumps(texts), *methods)
    found = run_script(PREAMBLE + WORKERS, tmp_path, *arguments)
    for method in ("alone", *methods):
        assert found[method] == expected, method


THREADS = """
sys.setswitchinterval(1e-5)
nlp = spacy.load(sys.argv[1])
batches = json.loads(sys.argv[2])
together = Barrier(len(batches))

def annotate(texts):
    together.wait(timeout=30)
    return [analysis(nlp(t)) for t in texts] + [analysis(d) for d in nlp.pipe(texts)]

with ThreadPoolExecutor(len(batches)) as pool:
    print(json.dumps(list(pool.map(annotate, batches))))
"""


def test_threads_can_share_a_pipeline_from_its_first_call_on(model):
    batches = [TEXTS * 10, TEXTS[::-1] * 10]
    nlp = trained_nlp()
    expected = [2 * [analysis(nlp(text)) for text in texts] for texts in batches]
    found = print_forked(PREAMBLE + THREADS, model, json.dumps(batches))
    assert json.loads(found) == expected


# Root may write anywhere, unless it gives up that right before the interpreter starts.
AS_ORDINARY_USER = """
import ctypes, os, sys
if hasattr(os, "geteuid") and os.geteuid() == 0 and sys.platform == "linux":
    PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
DECODE = """
import json, os, sys
import numpy as np
from spacy_crf_tagger import crf

emissions = np.eye(3, dtype=np.float32)[[2, 0, 1, 1]]
potentials = crf.Potentials(emissions, None, None, None, np.array([3, 1]))
tags = crf.viterbi(crf.Lattice.build(potentials)).tags
folder = os.path.dirname(crf.__file__)
print(json.dumps([folder, os.access(folder, os.W_OK), tags.tolist()]))
"""


@pytest.fixture
def read_only(tmp_path):
    """A function that takes the right to write to a folder away, until the end."""
    locked = []

    def lock(folder):
        folder.chmod(0o555)
        locked.append(folder)

    yield lock
    for folder in locked:
        folder.chmod(0o755)


@pytest.fixture
def decode(tmp_path, read_only):
    """A function that decodes in a new process with a package of its own, which cannot
    be written to, and a given home.
    """
    package = tmp_path / "site" / "spacy_crf_tagger"
    source = Path(spacy_crf_tagger.__file__).parent
    shutil.copytree(source, package, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in (package, *(path for path in package.rglob("*") if path.is_dir())):
        read_only(folder)

    def run(home):
        hidden = ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")
        inherited = {key: os.environ[key] for key in os.environ if key not in hidden}
        done = subprocess.run(
            [sys.executable, "-c", AS_ORDINARY_USER, "-c", DECODE],
            env={**inherited, "PYTHONPATH": str(package.parent), "HOME": str(home)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        imported, writable, tags = json.loads(done.stdout)
        assert Path(imported) == package / "crf"
        if writable:
            pytest.skip("this user may write to a read-only folder")
        assert not list(package.rglob("__pycache__"))
        return tags

    return run


def test_kernels_are_cached_once_where_the_package_is_read_only(decode, tmp_path):
    home = tmp_path / "home"
    home.mkdir()

    def cached():
        return {path: path.stat().st_mtime_ns for path in home.rglob("*.nb?")}

    assert decode(home) == [2, 0, 1, 1]
    after_first = cached()
    assert after_first
    assert decode(home) == [2, 0, 1, 1]
    assert cached() == after_first


def test_kernels_work_where_nothing_can_be_cached(decode, read_only, tmp_path):
    """As in containers without a home and with a read-only file system."""
    home = tmp_path / "home"
    home.mkdir()
    read_only(home)
    assert decode(home) == [2, 0, 1, 1]


def test_memory_zone_frees_all_that_predictions_have_made():
    nlp = trained_nlp()
    expected = [analysis(nlp(text)) for text in TEXTS]
    n_strings, n_docs = len(nlp.vocab.strings), count_living(Doc)
    for number in range(3):
        with nlp.memory_zone():
            fresh = [f"Zq{number}x{i} left New York" for i in range(20)]
            for doc in nlp.pipe([*fresh, "Grace left New York"]):
                assert (2, 4, "PLACE") in entities(doc)
            assert len(nlp.vocab.strings) >= n_strings + len(fresh)
            del doc
        assert len(nlp.vocab.strings) == n_strings
        assert count_living(Doc) == n_docs
    assert [analysis(nlp(text)) for text in TEXTS] == expected
