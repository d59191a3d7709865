"""`python -m spacy crf …`: the plugin's commands, added to those of spaCy."""

import io
import sys

import typer
from spacy.cli._util import app as spacy_app

from .annotate import annotate_cli
from .calibrate import calibrate_cli
from .clusters import clusters_cli
from .compare import compare_cli
from .convert import convert_cli
from .debug_data import debug_data_cli
from .distill import distill_cli
from .export import export_cli
from .find_errors import find_errors_cli
from .guarantee import guarantee_cli
from .init_config import init_config_cli
from .migrate import migrate_cli
from .report import report_cli
from .select import select_cli
from .set_settings import set_cli
from .show import show_cli
from .vectors import vectors_cli
from .warm_up import warm_up_cli

HELP = """Data, configs, scores and predictions of entity recognisers and taggers:
convert, check and export annotated text, find errors in it, choose what to annotate
next, make configs, learn from teachers, compare and report how good pipelines are,
calibrate probabilities, guarantee recall, change settings, try pipelines, annotate
texts at scale, make word vectors and word clusters, and compile kernels ahead.
"""

app = typer.Typer(name="crf", help=HELP, no_args_is_help=True)
app.command("convert")(convert_cli)
app.command("export")(export_cli)
app.command("init-config")(init_config_cli)
app.command("migrate")(migrate_cli)
app.command(
    "debug-data",
    # Settings of the config, as `spacy train` takes them.
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)(debug_data_cli)
app.command(
    "distill",
    # Settings of the config, as `spacy train` takes them.
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)(distill_cli)
app.command("annotate")(annotate_cli)
app.command("find-errors")(find_errors_cli)
app.command("compare")(compare_cli)
app.command("report")(report_cli)
app.command("show")(show_cli)
app.command("calibrate")(calibrate_cli)
app.command("guarantee")(guarantee_cli)
app.command("select")(select_cli)
app.command("set")(set_cli)
app.command("vectors")(vectors_cli)
app.command("clusters")(clusters_cli)
app.command("warm-up")(warm_up_cli)
# spaCy loads this module by its entry point, but takes from it only what is added here.
spacy_app.add_typer(app)


@app.callback()
def escape_unprintable() -> None:
    """Let no command fail because the terminal lacks a character of somebody's text."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
