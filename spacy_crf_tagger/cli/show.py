"""`spacy crf show`: the entities that a pipeline finds in given texts."""

import importlib
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, List, Optional

import spacy
import typer
from spacy.language import Language
from spacy.tokens import Doc
from wasabi import msg


def show_cli(
    pipeline: Annotated[
        str,
        typer.Argument(
            metavar="PIPELINE", help="Name of an installed pipeline package, or a path"
        ),
    ],
    texts: Annotated[
        List[str], typer.Argument(metavar="TEXT", help="Texts to look into")
    ],
    path: Annotated[
        Optional[Path],
        typer.Option(
            "--path",
            "-p",
            help='Directory that "pip install --target" installed the package into',
        ),
    ] = None,
    require: Annotated[
        bool, typer.Option("--require", help="Fail if a text has no entity")
    ] = False,
) -> None:
    """Print the entities that a pipeline finds in texts, with their labels and the
    characters at which they start and end.
    """
    nlp = _load(pipeline, path)
    docs = list(nlp.pipe(texts))
    for doc in docs:
        _show(doc)
    without = [doc.text for doc in docs if not doc.ents]
    if require and without:
        msg.fail(f"No entity found in {len(without)} of {len(docs)} texts", exits=1)


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


def _load(pipeline: str, path: Optional[Path]) -> Language:
    # A package may fail in any way: its code runs, and so do the factories it names.
    try:
        return spacy.load(pipeline) if path is None else load_package(pipeline, path)
    except Exception as error:
        msg.fail(f"Can't load pipeline {pipeline}", error, exits=1)


def _show(doc: Doc) -> None:
    msg.text(doc.text, spaced=True)
    if not doc.ents:
        msg.text("No entities")
        return
    rows = [
        (_printable(span.text), span.label_, span.start_char, span.end_char)
        for span in doc.ents
    ]
    msg.table(
        rows,
        header=("Text", "Label", "Start", "End"),
        aligns=("l", "l", "r", "r"),
        divider=True,
        max_col=60,
    )


def _printable(text: str) -> str:
    return text if text.isprintable() else repr(text)
