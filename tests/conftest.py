import os
from importlib.util import find_spec
from pathlib import Path
from typing import Iterator

import pytest
from spacy.lang.en import English

# Of those that spaCy has, what the texts of tests hold.
SPECIAL_CASES = (" ", "\t", "\n", "can't", "don't")


@pytest.fixture(scope="session", autouse=True)
def few_special_cases() -> Iterator[None]:
    """The tokenizer of English has 1,347 special cases, and to set them up is nearly
    all that `spacy.blank` does, and most of what a test of a small pipeline takes.
    Processes that tests start have all of them.
    """
    every = English.Defaults.tokenizer_exceptions
    with pytest.MonkeyPatch.context() as patch:
        few = {text: every[text] for text in SPECIAL_CASES}
        patch.setattr(English.Defaults, "tokenizer_exceptions", few)
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    path = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not path.is_dir():
        reason = f"the corpora are not in {path}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give trainings time on slow machines, where one takes minutes, and start them
    first, so that no process is left with one at the end; and leave out what needs the
    extra `transformers` where that is not installed.
    """
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    missing = pytest.mark.skip(reason="needs pip install -e '.[transformers]'")
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(900))
        if find_spec("spacy_transformers") is None and (
            item.get_closest_marker("transformers")
        ):
            item.add_marker(missing)
