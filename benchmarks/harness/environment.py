"""How and where a result was measured."""

import os
import platform
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = ["spacy-crf-tagger", "spacy", "thinc", "torch", "numba", "numpy"]


def describe(benchmark: str, torch_threads: int | None = None) -> dict[str, Any]:
    """Say how and where a result is made.

    benchmark (str): Name of the benchmark's module.
    torch_threads (int | None): Threads that torch was set to have, if it was.
    RETURNS (dict[str, Any]): The command, and versions, machine and threads.
    """
    environment = {
        "python": platform.python_version(),
        "packages": versions(),
        "machine": platform.machine(),
        "processor": _processor(),
        "extensions": _extensions(),
        "cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS", "default"),
    }
    if torch_threads is not None:
        environment["torch threads"] = torch_threads
    command = " ".join([f"python -m benchmarks.{benchmark}", *sys.argv[1:]])
    return {"command": command, "environment": environment}


def versions() -> dict[str, str]:
    """RETURNS (dict[str, str]): Those of the packages that matter and are there."""
    found = {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def processor_kind() -> str:
    """RETURNS (str): The widest vectors of the processor, which decide on all ratios of
    speed.
    """
    return "avx512" if "avx512f" in _extensions() else "avx2"


def _processor() -> str:
    return _of_cpuinfo("model name") or platform.processor()


def _of_cpuinfo(field: str) -> str:
    """RETURNS (str): What Linux says of the first core; nothing elsewhere."""
    try:
        with open("/proc/cpuinfo", encoding="utf8") as lines:
            found = next(line for line in lines if line.startswith(field))
    except (OSError, StopIteration):
        return ""
    return found.partition(":")[2].strip()


def _extensions() -> list[str]:
    """RETURNS (list[str]): The vector extensions of the processor that decide how fast
    it computes, as Linux calls them.
    """
    flags = _of_cpuinfo("flags").split()
    known = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8")
    return [name for name in known if name in flags]
