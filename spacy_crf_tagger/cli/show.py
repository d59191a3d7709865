"""`spacy crf show`: the entities that a pipeline finds in given texts."""

import os
from pathlib import Path
from typing import Annotated, List, Optional

import typer
from spacy.language import Language
from spacy.tokens import Doc
from wasabi import msg

from .loading import load_pipeline


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
    """Print the entities that a pipeline finds in texts, with their labels, the
    characters at which they start and end, and their probabilities where a crf_ner has
    given them some.
    """
    nlp = load_pipeline(pipeline, path)
    keys = _spans_keys(nlp)
    # Where the locale has no UTF-8, Python leaves bytes of other characters undecoded.
    decoded = [os.fsencode(text).decode("utf8", errors="replace") for text in texts]
    docs = list(nlp.pipe(decoded))
    for doc in docs:
        _show(doc, keys)
    without = [doc.text for doc in docs if not doc.ents]
    if require and without:
        msg.fail(f"No entity found in {len(without)} of {len(docs)} texts", exits=1)


def _spans_keys(nlp: Language) -> List[str]:
    """RETURNS (List[str]): The span groups in which components keep scores."""
    # No other command should wait for what comes with it.
    from ..base import CRFPipe

    pipes = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, CRFPipe)]
    keys = [pipe.settings.spans_key for pipe in pipes]
    return [key for key in keys if key is not None]


def _show(doc: Doc, spans_keys: List[str]) -> None:
    msg.text(doc.text, spaced=True)
    if not doc.ents:
        msg.text("No entities")
        return
    from ..display import entity_scores

    by_key = [entity_scores(doc, key) for key in spans_keys]
    rows = []
    for number, span in enumerate(doc.ents):
        scores = [each[number] for each in by_key if each[number] is not None]
        score = f"{scores[0]:.3f}" if scores else ""
        row = (_printable(span.text), span.label_, span.start_char, span.end_char)
        rows.append((*row, score) if by_key else row)
    header = ("Text", "Label", "Start", "End", "Score")
    msg.table(
        rows,
        header=header if by_key else header[:-1],
        aligns=("l", "l", "r", "r", "r"),
        divider=True,
        max_col=60,
    )


def _printable(text: str) -> str:
    return text if text.isprintable() else repr(text)
