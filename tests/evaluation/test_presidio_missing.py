"""Without the extra `presidio`."""

import importlib
import sys

import pytest


def test_what_to_install_is_said(monkeypatch):
    name = "spacy_crf_tagger.evaluation.presidio"
    monkeypatch.delitem(sys.modules, name, raising=False)
    # Whether it is installed or not.
    monkeypatch.setitem(sys.modules, "presidio_analyzer.nlp_engine", None)
    with pytest.raises(
        ImportError, match=r'pip install "spacy-crf-tagger\[presidio\]"'
    ):
        importlib.import_module(name)
