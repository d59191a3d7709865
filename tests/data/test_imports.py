"""Readers and writers of data need nothing else of the package."""

from tests.helpers.forks import print_forked

IMPORT_ALL = """
import pkgutil, sys
from importlib import import_module
from spacy_crf_tagger import data
for module in pkgutil.iter_modules(data.__path__):
    import_module(f"spacy_crf_tagger.data.{module.name}")
print(*(name for name in sys.modules if name.startswith("spacy_crf_tagger.")))
"""


def test_data_stands_alone():
    modules = print_forked(IMPORT_ALL).split()
    assert len(modules) > 10
    assert {name.split(".")[1] for name in modules} == {"data"}
