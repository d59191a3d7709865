"""`python -m spacy crf …`: the plugin's commands, added to those of spaCy."""

import io
import sys

import typer
from spacy.cli._util import app as spacy_app

from .annotate import annotate_cli
from .calibrate import calibrate_cli
from .compare import compare_cli
from .convert import convert_cli
from .debug_data import debug_data_cli
from .export import export_cli
from .init_config import init_config_cli
from .migrate import migrate_cli
from .report import report_cli
from .set_settings import set_cli
from .show import show_cli
from .vectors import OLD_NAME, renamed_cli, vectors_cli
from .warm_up import warm_up_cli

HELP = """Data, configs, scores and predictions of entity recognisers and taggers:
convert, check and export annotated text, make configs, compare evaluations, report on
errors, calibrate probabilities, change settings, try pipelines, annotate texts at
scale, make word vectors and compile kernels ahead.
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
app.command("annotate")(annotate_cli)
app.command("compare")(compare_cli)
app.command("report")(report_cli)
app.command("show")(show_cli)
app.command("calibrate")(calibrate_cli)
app.command("set")(set_cli)
app.command("vectors")(vectors_cli)
app.command("warm-up")(warm_up_cli)
app.command(
    OLD_NAME,
    hidden=True,
    add_help_option=False,
    # Whatever it is given, the answer is the same.
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)(renamed_cli)
# spaCy loads this module by its entry point, but takes from it only what is added here.
spacy_app.add_typer(app)


@app.callback()
def escape_unprintable() -> None:
    """Let no command fail because the terminal lacks a character of somebody's text."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
