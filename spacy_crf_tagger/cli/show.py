"""`spacy crf show`: the entities and tags that a pipeline finds in given texts."""

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, List, Optional, Sequence, Tuple

import typer
from spacy.language import Language
from spacy.tokens import Doc
from wasabi import msg

from .loading import load_pipeline

if TYPE_CHECKING:
    from ..pipeline.tagger.component import CRFTagger


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
    environment: Annotated[
        Optional[Path],
        typer.Option(
            "--environment",
            "-e",
            metavar="DIR",
            help="Virtual environment that has the package, to use its Python",
        ),
    ] = None,
    require: Annotated[
        bool, typer.Option("--require", help="Fail if a text has no entity and no tags")
    ] = False,
    hint: Annotated[
        Optional[List[str]],
        typer.Option(help="Line to print at the end; may be given several times"),
    ] = None,
) -> None:
    """Print the entities that a pipeline finds in texts, with their labels, the
    characters at which they start and end, and their probabilities where a crf_ner has
    given them some; and the tags of a crf_tagger, with theirs.
    """
    if environment is not None:
        if path is not None:
            msg.fail("Give --path or --environment, not both", exits=1)
        show_in_environment(environment, pipeline, texts, require=require)
    else:
        show(load_pipeline(pipeline, path), texts, require=require)
    for line in hint or ():
        # Not by wasabi, which would break a command over several lines.
        typer.echo(line)


def show(nlp: Language, texts: List[str], *, require: bool = False) -> None:
    """Print the entities that a pipeline finds in texts, and the tags of a
    `crf_tagger`, with their probabilities.

    nlp (Language): The pipeline.
    texts (List[str]): The texts.
    require (bool): Whether to end the command with an error if a text has no entity,
        and no tags either.
    """
    keys, taggers = _spans_keys(nlp), _taggers(nlp)
    assigned = {name for pipe in nlp.pipe_names for name in _assigned(nlp, pipe)}
    with_entities = not taggers or "doc.ents" in assigned
    # Where the locale has no UTF-8, Python leaves bytes of other characters undecoded.
    decoded = [os.fsencode(text).decode("utf8", errors="replace") for text in texts]
    docs = list(nlp.pipe(decoded))
    for doc in docs:
        msg.text(doc.text, spaced=True)
        if with_entities:
            _show_entities(doc, keys)
        if taggers:
            _show_tags(doc, taggers)
    without = [] if taggers else [doc.text for doc in docs if not doc.ents]
    if require and without:
        msg.fail(f"No entity found in {len(without)} of {len(docs)} texts", exits=1)


def show_in_environment(
    environment: Path, pipeline: str, texts: List[str], *, require: bool = False
) -> None:
    """Have the Python of a virtual environment print the entities, with nothing but the
    packages that are installed there, and print how to try other texts.

    environment (Path): The directory of the virtual environment.
    pipeline (str): The name of a package that is installed there, or a path.
    texts (List[str]): The texts.
    require (bool): Whether to end the command with an error if a text has no entity.
    """
    scripts, name = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    python = environment / scripts / name
    if not python.exists():
        advice = f"python -m venv {environment}"
        msg.fail(f"There is no virtual environment in {environment}", advice, exits=1)
    command = ["-m", "spacy", "crf", "show"]
    options = ["--require"] if require else []
    sys.stdout.flush()
    # Isolated: the working directory, which may hold the source of a package that is to
    # be tried as it was installed, is left off the path.
    process = [str(python), "-I", *command, *options, "--", pipeline, *texts]
    code = subprocess.run(process, check=False).returncode
    if code:
        raise typer.Exit(code)
    typer.echo(f"{pipeline} is installed in {environment}. Try a text of your own:")
    typer.echo(f'    {" ".join([str(python), *command, pipeline])} "A text"')


def _spans_keys(nlp: Language) -> List[str]:
    """RETURNS (List[str]): The span groups in which components keep scores."""
    # No other command should wait for what comes with it.
    from ..pipeline.ner.component import CRFEntityRecognizer

    pipes = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, CRFEntityRecognizer)]
    keys = [pipe.settings.spans_key for pipe in pipes]
    return [key for key in keys if key is not None]


def _taggers(nlp: Language) -> "List[Tuple[str, CRFTagger]]":
    """RETURNS (List[Tuple[str, CRFTagger]]): The taggers and their names."""
    from ..pipeline.tagger.component import CRFTagger

    return [(name, pipe) for name, pipe in nlp.pipeline if isinstance(pipe, CRFTagger)]


def _assigned(nlp: Language, name: str) -> List[str]:
    return list(nlp.get_pipe_meta(name).assigns)


def _show_tags(doc: Doc, taggers: "List[Tuple[str, CRFTagger]]") -> None:
    columns: List[Sequence[str]] = [[_printable(token.text) for token in doc]]
    header = ["Token"]
    for name, tagger in taggers:
        ids = tagger.token_attribute.read(doc).tolist()
        tags = [doc.vocab.strings[number] for number in ids]
        [marginals] = tagger.marginals(doc)
        numbers = {label: n for n, label in enumerate(tagger.labels)}
        # A tag that was set before need not be one of the labels.
        scores = [
            f"{row[numbers[tag]]:.3f}" if tag in numbers else ""
            for row, tag in zip(marginals, tags, strict=True)
        ]
        columns += [tags, scores]
        header += [name if len(taggers) > 1 else "Tag", "Score"]
    aligns = ["l", *["l", "r"] * len(taggers)]
    rows = list(zip(*columns, strict=True))
    msg.table(rows, header=header, aligns=aligns, divider=True, max_col=60)


def _show_entities(doc: Doc, spans_keys: List[str]) -> None:
    if not doc.ents:
        msg.text("No entities")
        return
    from ..evaluation.display import entity_scores

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
