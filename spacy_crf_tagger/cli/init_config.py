"""`spacy crf init-config`: our recipes as configs for training."""

from pathlib import Path
from typing import Annotated, List, Optional, Sequence

import typer
from spacy.util import is_package
from wasabi import msg

from ..clusters.paths import read_paths
from ..data.saving import check_file, replacing_file
from .errors import explained
from .recipes import Optimize, check_components, render_recipe

_CANT_WRITE = "Can't write the config"
_CANT_MAKE = "Can't make a config"


def init_config_cli(
    output: Annotated[
        Path, typer.Argument(metavar="OUT", help="The .cfg file to write")
    ],
    lang: Annotated[
        str, typer.Option("--lang", "-l", help="Language of the pipeline")
    ] = "en",
    pipeline: Annotated[
        str,
        typer.Option(
            "--pipeline",
            "-p",
            help="Components, separated by commas: crf_ner, crf_tagger or both",
        ),
    ] = "crf_ner",
    optimize: Annotated[
        Optimize,
        typer.Option(
            "--optimize",
            "-o",
            help="Recipe: without pretrained vectors, with word vectors (accuracy), or "
            "on a pretrained transformer",
        ),
    ] = Optimize.speed,
    vectors: Annotated[
        Optional[str],
        typer.Option(
            "--vectors",
            "-v",
            help="Pipeline with word vectors, a path or the name of a package, for "
            "--optimize accuracy",
        ),
    ] = None,
    clusters: Annotated[
        Optional[str],
        typer.Option(
            "--clusters",
            "-c",
            help="File with word clusters, for --optimize accuracy",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", "-F", help="Replace a file that is there")
    ] = False,
) -> None:
    """Make a config for training, filled, with a comment on each setting of ours.

    With both components it has one tok2vec that they share. Example:

    python -m spacy crf init-config config.cfg --pipeline crf_tagger,crf_ner
    """
    init_config(
        output,
        lang=lang,
        components=[name.strip() for name in pipeline.split(",") if name.strip()],
        optimize=optimize,
        vectors=vectors,
        clusters=clusters,
        force=force,
    )


def init_config(
    output: Path,
    *,
    lang: str = "en",
    components: Sequence[str] = ("crf_ner",),
    optimize: Optimize = Optimize.speed,
    vectors: Optional[str] = None,
    clusters: Optional[str] = None,
    force: bool = False,
) -> None:
    """Write a config that we recommend, and print how to train with it.

    output (Path): The file to write.
    lang (str): The language of the pipeline.
    components (Sequence[str]): `"crf_ner"`, `"crf_tagger"` or both.
    optimize (Optimize): What the recipe is to be good at.
    vectors (Optional[str]): A pipeline with word vectors, for `Optimize.accuracy`.
    clusters (Optional[str]): A file with word clusters, for `Optimize.accuracy`.
    force (bool): Whether to replace a file that is there.
    """
    _check_output(output, force=force)
    with explained(_CANT_MAKE, ValueError):
        components = check_components(components)
    for name, given in (("vectors", vectors), ("clusters", clusters)):
        if given is not None and optimize is not Optimize.accuracy:
            msg.fail(
                f"The recipe {optimize.value!r} has no word {name}",
                f"Pass --optimize accuracy along with --{name}.",
                exits=1,
            )
    with explained(f"Can't use language {lang!r}", ImportError):
        text = render_recipe(
            components,
            path=str(output),
            lang=lang,
            optimize=optimize,
            vectors=vectors,
            clusters=clusters,
        )
    with explained(_CANT_WRITE, OSError), replacing_file(output) as temporary:
        temporary.write_text(text, encoding="utf8")
    msg.good(f"Saved config to {output}")
    if vectors is not None and not (is_package(vectors) or Path(vectors).exists()):
        msg.warn(
            f"There is no pipeline {vectors} here",
            "Training needs it: it must be a path or the name of an installed package.",
        )
    if clusters is not None:
        _check_clusters(Path(clusters))
    print_training(output, _missing_paths(optimize, vectors, clusters))


def _check_clusters(path: Path) -> None:
    makes = "Training needs it: `python -m spacy crf clusters` makes it."
    if not path.is_file():
        msg.warn(f"There is no file {path} here", makes)
        return
    try:
        read_paths(path)
    except ValueError as error:
        msg.warn(f"{path} is no file of word clusters", f"{error}. {makes}")


def print_training(config: Path, options: Sequence[str] = ()) -> None:
    """Print the command that trains with a config.

    config (Path): The config.
    options (Sequence[str]): What to set beside the files.
    """
    msg.text("Add your data and train:")
    paths = "--paths.train train.spacy --paths.dev dev.spacy"
    words = [f"python -m spacy train {config} --output training", paths, *options]
    # Not by wasabi, which would break a command over several lines.
    typer.echo(" ".join(words))


def _check_output(output: Path, *, force: bool) -> None:
    with explained(_CANT_WRITE, OSError):
        check_file(output)
    if output.is_file() and not force:
        msg.fail(f"{output} is there already", "Pass --force to replace it.", exits=1)


def _missing_paths(
    optimize: Optimize, vectors: Optional[str], clusters: Optional[str]
) -> List[str]:
    """RETURNS (List[str]): The options for what the config does not name yet."""
    if optimize is Optimize.transformer:
        return ["--paths.encoder roberta-base", "--gpu-id 0"]
    if optimize is Optimize.accuracy and vectors is None and clusters is None:
        return ["--paths.vectors VECTORS"]
    return []
