"""Prints what `gpu-check.sh pack` takes along: what this project and its tests and
benchmarks on a GPU need, and what that needs in turn, in the versions that are
installed here. What the machine with the GPU has of its own is left out.
"""

import re
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement

ROOTS = [
    "spacy-crf-tagger",
    "hypothesis",
    "pytest",
    "pytest-timeout",
    "pytorch-crf",
]
# pytorch-crf and the tests have all that it needs.
ALONE = ["torch-struct==0.5"]
THERE = {"torch", "triton", "cupy", "numba", "llvmlite", "numpy", "scipy", "setuptools"}


def normal(name: str) -> str:
    """RETURNS (str): The name of a package as others may spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements() -> list[str]:
    """RETURNS (list[str]): A line for each package but this project."""
    found: dict[str, str] = {}
    left = list(ROOTS)
    while left:
        name = normal(left.pop())
        if name in found or name in THERE:
            continue
        try:
            package = distribution(name)
        except PackageNotFoundError as error:
            raise SystemExit(
                f"{name} is not installed: run pip install -c constraints.txt -e "
                '".[dev]"'
            ) from error
        found[name] = f"{name}=={package.version}"
        for line in package.requires or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                left.append(needed.name)
    del found[ROOTS[0]]
    return sorted(found.values()) + ALONE


if __name__ == "__main__":
    print("\n".join(requirements()))
