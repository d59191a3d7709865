"""Pipelines as installed packages."""

import subprocess
import sys
from pathlib import Path
from typing import Optional

from spacy.cli.package import package


def install_package(pipeline: Path, folder: Path, name: Optional[str] = None) -> Path:
    """Package a pipeline, and install it without the packages that it depends on.
    RETURNS the directory that it is installed into.
    """
    sources, target = folder / "sources", folder / "target"
    sources.mkdir()
    package(pipeline, sources, name=name, create_sdist=False, silent=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run(
        [*pip, "--no-build-isolation", "--target", target, *sources.iterdir()],
        check=True,
        capture_output=True,
    )
    return target
