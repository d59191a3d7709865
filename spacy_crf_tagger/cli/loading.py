"""Make, load and save pipelines for commands, and read documents."""

import importlib
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Iterator, List, Optional, Sequence, Union

import spacy
import typer
from spacy.cli._util import setup_gpu
from spacy.language import Language
from wasabi import msg

from ..data.saving import check_pipeline, replacing_pipeline
from ..data.shards.inputs import Input, Kind, find_inputs
from ..data.shards.parquet import require_pyarrow
from ..data.source import UnreadableError
from .errors import explained

_CANT_WRITE = "Can't write the pipeline"

ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="Name of an installed pipeline package, or a path"
    ),
]

ComponentOption = Annotated[
    Optional[str],
    typer.Option(
        "--component",
        "-c",
        help="Name of the component; crf_ner, or else the only one that there is, "
        "if not given",
    ),
]


def blank_pipeline(lang: str) -> Language:
    """Make a pipeline without components, or end the command with an error.

    lang (str): The code of the language.
    RETURNS (Language): The pipeline.
    """
    with explained(f"Can't use language {lang!r}", ImportError):
        return spacy.blank(lang)


def load_pipeline(pipeline: str, path: Optional[Path] = None) -> Language:
    """Load a pipeline, or end the command with an error.

    pipeline (str): The name of a package, or a path.
    path (Optional[Path]): The directory that the package is in, if it need not be on
        the path.
    RETURNS (Language): The pipeline.
    """
    with loading_pipeline(pipeline):
        return spacy.load(pipeline) if path is None else load_package(pipeline, path)


@contextmanager
def loading_pipeline(pipeline: str) -> Iterator[None]:
    """End the command with an error if a pipeline cannot be loaded in the context.

    pipeline (str): The name of a package, or a path.
    """
    # A package may fail in any way: its code runs, and so do the factories it names.
    with explained(f"Can't load pipeline {pipeline}", Exception):
        yield


def load_package(name: str, path: Path) -> Language:
    """Load a pipeline package from a directory that need not be on the path.

    name (str): The name of the package.
    path (Path): The directory, which is put first on the path.
    RETURNS (Language): The pipeline.
    RAISES (ImportError): If there is no such package in the directory, whatever may be
        installed elsewhere.
    """
    path = path.resolve()
    sys.path.insert(0, str(path))
    importlib.invalidate_caches()
    spec = find_spec(name) if name.isidentifier() else None
    if spec is None or spec.origin is None:
        raise ImportError(f"There is no package {name} in {path}.")
    if not Path(spec.origin).is_relative_to(path):
        raise ImportError(f"Package {name} is in {spec.origin}, not in {path}.")
    nlp: Language = importlib.import_module(name).load()
    return nlp


@contextmanager
def reading_docs(path: Path) -> Iterator[None]:
    """End the command with an error if documents cannot be read in the context.

    path (Path): The `.spacy` file that they are read from.
    """
    if not path.exists():
        msg.fail("Documents not found", path, exits=1)
    # Other files than DocBins fail in whatever way they are decoded.
    with explained(f"Can't read documents from {path}", Exception):
        yield


@contextmanager
def reading_files(path: Union[str, Path]) -> Iterator[None]:
    """End the command with an error if files cannot be read in the context.

    path (Union[str, Path]): What is read, if the error does not name a file.
    """
    try:
        yield
    except UnreadableError as error:
        msg.fail(f"Can't read {error.path or path}: {error}", exits=1)


def find_texts(names: Sequence[str], kind: Optional[Kind]) -> List[Input]:
    """Find files of texts, or end the command with an error.

    names (Sequence[str]): Files, folders or patterns.
    kind (Optional[Kind]): What they are; if None, their names tell.
    RETURNS (List[Input]): The files.
    """
    with reading_files(" ".join(names)):
        found = find_inputs(names, kind)
    if any(each.kind is Kind.parquet for each in found):
        with explained("Can't read Parquet", ValueError):
            require_pyarrow()
    return found


def use_gpu(gpu_id: int, *, silent: bool = False) -> None:
    """Use a GPU, or end the command with an error.

    gpu_id (int): The GPU, or -1 for the CPU.
    silent (bool): Whether not to say what is used.
    """
    with explained(f"Can't use GPU {gpu_id}", ValueError):
        setup_gpu(gpu_id, silent=silent)


def check_output(path: Path, *inputs: Union[str, Path]) -> None:
    """Check that a pipeline can be saved, or end the command with an error before it
    takes work to get there.

    path (Path): The directory to write it to.
    *inputs (Union[str, Path]): What is read, and must not be overwritten.
    """
    with explained(_CANT_WRITE, OSError):
        check_pipeline(path, [Path(source) for source in inputs])


def save_pipeline(nlp: Language, path: Path) -> None:
    """Save a pipeline, or end the command with an error. A pipeline that is there is
    replaced once the new one is complete, and stays if anything goes wrong.

    nlp (Language): The pipeline.
    path (Path): The directory to write it to.
    """
    with explained(_CANT_WRITE, OSError), replacing_pipeline(path) as temporary:
        nlp.to_disk(temporary)
    msg.good(f"Saved pipeline to {path}")
