"""Workflows of the project, without the seconds in which spaCy is imported for each of
their commands. README's first command runs one as it is.
"""

from pathlib import Path

from tests.helpers.forks import END_WITH, run_forked

RUN = (
    END_WITH
    + """
import runpy
import weasel.cli.run
from spacy.cli import setup_cli

sys.path.insert(0, os.getcwd())  # as `python -m` does
run_command = weasel.cli.run.run_command

def run_in_a_fork(command, **options):
    python, option, module = command[:3]
    if option != "-m" or module.partition(".")[0] not in ("spacy", "benchmarks"):
        return run_command(command, **options)
    # What a first pipeline imports, all would.
    import spacy
    spacy.blank("en")
    sys.stdout.flush()
    process = os.fork()
    if process == 0:
        sys.argv = command[2:]
        end_with(lambda: runpy.run_module(module, run_name="__main__", alter_sys=True))
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    if status:
        sys.exit(status)

weasel.cli.run.run_command = run_in_a_fork
setup_cli()
"""
)


def run_project(folder: Path, *words: object) -> str:
    """Run a command of `spacy project` in a folder, and those that it runs. RETURNS
    what they print.
    """
    # Named, because weasel took the folder in which it was imported for the default.
    outcome = run_forked(RUN, "project", *words, folder, cwd=folder)
    printed = outcome.stdout[-3000:] + outcome.stderr[-3000:]
    assert outcome.returncode == 0, printed
    return outcome.stdout
