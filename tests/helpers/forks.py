"""Processes that begin where spaCy is imported, which takes seconds.

One process imports it, and nothing of ours, and is forked for each script. So a script
must import what it uses, and what it has imported can be looked at.
"""

import atexit
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Dict, NamedTuple, Optional

# For scripts: the end of a fork, with the exit status of a process that does nothing
# else.
END_WITH = """
import os, sys, traceback

def end_with(run):
    status = 1
    try:
        run()
        status = 0
    except SystemExit as exit:
        status = exit.code if isinstance(exit.code, int) else int(bool(exit.code))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
"""
# Prints the exit status of each script that it is asked for by a line of JSON.
SERVER = (
    END_WITH
    + """
import json
sys.path.remove("")
import spacy.cli

def run(request):
    for number, path in enumerate((os.devnull, request["out"], request["err"])):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND), number)
    sys.stdout = open(1, "w", encoding=request["encoding"], closefd=False)
    sys.stderr = open(2, "w", encoding="utf8", closefd=False)
    os.chdir(request["cwd"])
    sys.argv = ["-c", *request["arguments"]]
    script = compile(request["script"], "<script>", "exec")
    end_with(lambda: exec(script, {"__name__": "__main__"}))

for line in sys.stdin:
    process = os.fork()
    if process == 0:
        run(json.loads(line))
    status = os.waitpid(process, 0)[1]
    print(os.waitstatus_to_exitcode(status), flush=True)
"""
)
COMMAND = "from spacy.cli import setup_cli; setup_cli()"


class Outcome(NamedTuple):
    """How a process ended, and what it has printed."""

    returncode: int
    stdout: str
    stderr: str


def run_forked(
    script: str,
    *arguments: object,
    cwd: Optional[Path] = None,
    encoding: str = "utf8",
) -> Outcome:
    """Run a script as `python -c` does, in a process of its own.

    script (str): The script.
    *arguments (object): Its arguments, of which it has the text.
    cwd (Optional[Path]): Its current folder.
    encoding (str): That of what it prints.
    RETURNS (Outcome): How it ended, and what it has printed.
    """
    with TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        request = {
            "script": script,
            "arguments": [*map(str, arguments)],
            "cwd": str(cwd or Path.cwd()),
            "encoding": encoding,
            "out": str(out),
            "err": str(err),
        }
        returncode = _ask(request)
        printed = [path.read_text(encoding, errors="replace") for path in (out, err)]
    return Outcome(returncode, *printed)


def print_forked(script: str, *arguments: object) -> str:
    """Run a script that must not fail. RETURNS what it prints."""
    outcome = run_forked(script, *arguments)
    assert outcome.returncode == 0, outcome.stderr[-3000:]
    return outcome.stdout


def spacy_forked(
    *words: object, cwd: Optional[Path] = None, encoding: str = "utf8"
) -> Outcome:
    """Run a command of spaCy, as `python -m spacy` does. RETURNS how it ended."""
    return run_forked(COMMAND, *words, cwd=cwd, encoding=encoding)


def _ask(request: Dict[str, object]) -> int:
    server = _server()
    try:
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        return int(server.stdout.readline())
    except BaseException:  # that of pytest-timeout as well
        _server.cache_clear()
        server.kill()
        raise


@cache
def _server() -> "subprocess.Popen[str]":
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(server.kill)
    return server
