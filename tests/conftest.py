import os
from importlib.util import find_spec
from pathlib import Path

import pytest


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
    """Give trainings time on slow machines, where one takes minutes, and leave out what
    needs the extra `transformers` where that is not installed.
    """
    missing = pytest.mark.skip(reason="needs pip install -e '.[transformers]'")
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(900))
        if find_spec("spacy_transformers") is None and (
            item.get_closest_marker("transformers")
        ):
            item.add_marker(missing)
