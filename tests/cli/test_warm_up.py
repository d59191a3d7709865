import sys
from pathlib import Path

import pytest

from spacy_crf_tagger.cli.warm_up import warm_up
from spacy_crf_tagger.crf.backends.numba import kernel_cache, warming
from spacy_crf_tagger.crf.backends.numba.kernel_cache import COMPILING
from tests.helpers.forks import print_forked

# The command in a process of its own, with kernels that say that they are compiled.
WARM_UP = """
import logging, os, sys
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
os.environ["NUMBA_CACHE_DIR"] = sys.argv[1]
from spacy_crf_tagger.cli import spacy_app
spacy_app(["crf", "warm-up"], standalone_mode=False)
from spacy_crf_tagger.crf.backends.numba import warming
print(warming.warm_up().compiled)
"""


def test_what_is_compiled_ahead_is_not_compiled_again(tmp_path):
    """As in an image that is built for a container."""
    text = " ".join(print_forked(WARM_UP, tmp_path).split())
    assert text.count(COMPILING) == 1
    assert "Compiled" in text
    assert str(tmp_path) in text.replace(" ", "")
    files = set(tmp_path.rglob("*.nb?"))
    assert files
    text = " ".join(print_forked(WARM_UP, tmp_path).split())
    assert "had been compiled before" in text
    assert COMPILING not in text
    assert text.split()[-1] == "0"
    assert set(tmp_path.rglob("*.nb?")) == files


@pytest.fixture
def asked(monkeypatch):
    """Nothing is compiled; the kernels are those that the tests have used."""
    monkeypatch.setattr(warming, "_ask_everything", lambda: None)


def test_kernels_that_cannot_be_kept(asked, monkeypatch, capsys):
    class Kernel:
        signatures = ("",)
        stats = type("Stats", (), {"cache_misses": {"": 1}, "cache_hits": {}})
        _cache = type("Cache", (), {"kept_in": lambda self: None})()

    monkeypatch.setattr(warming, "_kernels", lambda modules: [("viterbi", Kernel)])
    with pytest.raises(SystemExit) as caught:
        warm_up()
    assert caught.value.code == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "cannot be kept" in printed
    assert "NUMBA_CACHE_DIR" in printed


def test_results_name_the_folder(asked, monkeypatch):
    found = warm_up()
    assert not found.lost
    assert all(Path(folder).is_absolute() for folder in found.kept_in)
    assert set(found.kept_in) <= set(kernel_cache.folders().chosen)


def test_without_numba(monkeypatch, capsys):
    monkeypatch.setitem(
        sys.modules, "spacy_crf_tagger.crf.backends.numba.warming", None
    )
    with pytest.raises(SystemExit) as caught:
        warm_up()
    assert caught.value.code == 1
    assert "pip install numba" in " ".join(capsys.readouterr().out.split())
