"""`crf_tagger` in the place of `tagger` in spaCy's own tests of that."""

import pytest
from spacy.language import Language
from spacy.tests.pipeline import test_tagger as theirs

PASSED = [
    theirs.test_issue4348,
    theirs.test_label_types,
    theirs.test_tagger_initialize_tag_map,
    theirs.test_label_smoothing,
    theirs.test_no_label,
    theirs.test_implicit_label,
    theirs.test_initialize_examples,
    theirs.test_no_data,
    theirs.test_tagger_requires_labels,
]
# `crf_tagger` can learn new labels later; its loss is a likelihood, in nats.
OTHERWISE = {
    "test_no_resize",
    "test_incomplete_data",
    "test_overfitting_IO",
}


@pytest.fixture(autouse=True)
def crf_tagger_for_tagger(monkeypatch):
    add_pipe = Language.add_pipe

    def add(self, factory_name, name=None, **kwargs):
        if factory_name == "tagger":
            factory_name, name = "crf_tagger", name or "tagger"
        return add_pipe(self, factory_name, name, **kwargs)

    monkeypatch.setattr(Language, "add_pipe", add)


@pytest.mark.parametrize("test", PASSED, ids=lambda test: test.__name__)
@pytest.mark.filterwarnings("ignore")
def test_passes_the_test_of_tagger(test):
    test()


def test_no_test_of_tagger_is_forgotten():
    all_tests = {name for name in vars(theirs) if name.startswith("test_")}
    assert all_tests == {test.__name__ for test in PASSED} | OTHERWISE
