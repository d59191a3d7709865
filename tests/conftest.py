import gc
import os
from importlib.util import find_spec
from pathlib import Path

import catalogue
import pytest
from spacy.lang.en import English

# What follows is done before a module of tests is imported: some make pipelines as they
# are. Processes that tests start do nothing of it.

# The tokenizer of English has 1,347 special cases, and to set them up is nearly all
# that `spacy.blank` does, and most of what a test of a small pipeline takes. These are
# what the texts of tests hold.
SPECIAL_CASES = (" ", "\t", "\n", "can't", "don't")
English.Defaults.tokenizer_exceptions = {
    text: English.Defaults.tokenizer_exceptions[text] for text in SPECIAL_CASES
}
# For every function that a config names, the entry points of all packages would be gone
# through: half of the time that is left.
ENTRY_POINTS = catalogue.AVAILABLE_ENTRY_POINTS
catalogue.AVAILABLE_ENTRY_POINTS = {
    group: [*ENTRY_POINTS.select(group=group)] for group in ENTRY_POINTS.groups
}


@pytest.fixture(scope="session")
def shared_data() -> Path:
    path = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not path.is_dir():
        reason = f"the corpora are not in {path}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def pytest_collection_finish() -> None:
    """Leave what stays to the end, thousands of tests among it, to no collector."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give trainings time on slow machines, where one takes minutes, and start them
    first, so that no process is left with one at the end; and leave out what needs the
    extra `transformers` where that is not installed.
    """
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    missing = pytest.mark.skip(reason="needs pip install -e '.[transformers]'")
    is_missing = find_spec("spacy_transformers") is None
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(900))
        if is_missing and item.get_closest_marker("transformers"):
            item.add_marker(missing)
