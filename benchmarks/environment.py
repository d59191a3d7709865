"""Where a result was measured."""

import os
import platform
from importlib.metadata import version
from typing import Any

PACKAGES = ["spacy-crf-tagger", "spacy", "thinc", "torch", "numba", "numpy"]


def describe() -> dict[str, Any]:
    """RETURNS (dict[str, Any]): Versions, machine and threads of this process."""
    return {
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS", "default"),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf8") as lines:
            names = [line for line in lines if line.startswith("model name")]
        return names[0].partition(":")[2].strip()
    except (OSError, IndexError):
        return platform.processor()
