"""`spacy crf migrate`: a config with `ner` or `tagger` to one with ours."""

from pathlib import Path
from typing import Annotated, Dict, List, Optional, Sequence

import typer
from spacy.cli._util import import_code
from spacy.util import load_config
from thinc.api import Config
from wasabi import msg

from ..data.saving import check_file, replacing_file
from .advice import apply_recipe
from .errors import explained
from .init_config import print_training
from .migration import Migration, fill_config, migrate_config
from .settings_diff import diff_settings

_CANT_WRITE = "Can't write the config"


def migrate_cli(
    base: Annotated[
        Path, typer.Argument(metavar="BASE", help="Config that has ner or tagger")
    ],
    output: Annotated[
        Path, typer.Argument(metavar="OUT", help="The .cfg file to write")
    ],
    component: Annotated[
        Optional[List[str]],
        typer.Option(
            "--component",
            "-c",
            help="Name of a component to change, if not all; may be given several "
            "times",
        ),
    ] = None,
    recipe: Annotated[
        bool,
        typer.Option(
            "--recipe",
            "-r",
            help="Also change training and tok2vec to what we recommend, as far as no "
            "other component is concerned",
        ),
    ] = False,
    code: Annotated[
        Optional[Path],
        typer.Option(
            "--code", help="Python file with functions that the config refers to"
        ),
    ] = None,
) -> None:
    """Put crf_ner in the place of ner, and crf_tagger in that of tagger, in a config
    for training. All else is kept, but for comments: names of components, a shared
    tok2vec or transformer, corpora and training. Prints what has changed. Example:

    python -m spacy crf migrate ner.cfg crf.cfg --recipe
    """
    migrate(base, output, only=component or [], recipe=recipe, code=code)


def migrate(
    base: Path,
    output: Path,
    *,
    only: Sequence[str] = (),
    recipe: bool = False,
    code: Optional[Path] = None,
) -> None:
    """Write a config with our components in the place of spaCy's, and print what has
    changed.

    base (Path): The config that has `ner` or `tagger`.
    output (Path): The file to write.
    only (Sequence[str]): The names of the components to change, if not all.
    recipe (bool): Whether to change training and tok2vec to what we recommend as well.
    code (Optional[Path]): A Python file with functions that the config refers to.
    """
    with explained(_CANT_WRITE, OSError):
        check_file(output, inputs=[base])
    import_code(code)
    before = _load_config(base)
    with explained(f"Can't migrate {base}", ValueError):
        migration = migrate_config(before, only)
    # Whatever it names may fail in any way: code runs, and pipelines are loaded.
    with explained(f"Can't make a pipeline of {base} with our components", Exception):
        filled = fill_config(migration.config)
        advice = apply_recipe(filled, migration.components)
        recommended = fill_config(advice.config)
    _report(before, filled, migration)
    _advise(filled, recommended, advice.notes, is_done=recipe)
    config = recommended if recipe else filled
    with explained(_CANT_WRITE, OSError), replacing_file(output) as temporary:
        temporary.write_text(config.to_str(interpolate=False), encoding="utf8")
    msg.good(f"Saved config to {output}")
    print_training(output)


def _load_config(path: Path) -> Config:
    if not path.is_file():
        msg.fail("Config not found", path, exits=1)
    # There are many ways to be no config.
    with explained(f"Can't read a config from {path}", Exception):
        return load_config(path, interpolate=False)


def _report(before: Config, filled: Config, migration: Migration) -> None:
    changed = _describe(migration.components)
    msg.info(f"Changed {changed}")
    sections = [f"components.{name}" for name in migration.components]

    def is_ours(section: str) -> bool:
        return section == "training.score_weights" or any(
            section == own or section.startswith(f"{own}.") for own in sections
        )

    _print(diff_settings(before, filled, is_ours))
    for note in migration.notes:
        msg.text(f"- {note}")


def _advise(
    filled: Config, recommended: Config, notes: Sequence[str], *, is_done: bool
) -> None:
    lines = diff_settings(filled, recommended)
    if lines:
        msg.info(
            "Changed as we recommend:"
            if is_done
            else "We recommend this as well; --recipe does it:"
        )
        _print(lines)
    else:
        msg.info("There is nothing else that we recommend")
    for note in notes:
        msg.text(f"- {note}")


def _describe(components: Dict[str, str]) -> str:
    return ", ".join(f"{name} to {factory}" for name, factory in components.items())


def _print(lines: Sequence[str]) -> None:
    # Not by wasabi, which would break long ones.
    for line in lines:
        typer.echo(line)
