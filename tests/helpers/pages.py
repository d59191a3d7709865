"""Pages of the documentation as scripts: their blocks are run in the order of the page.

- A block of `python` is executed; all of a page share their variables.
- A block with a title, such as `json title="train.jsonl"`, is a file that is written.
- A block of `sh` may hold `python -m spacy crf convert …` or `export …`, run if its
  input exists.
- A block of `text` without a title, right behind one of these, is what that prints.

A block of `py` is shown and not run.
"""

import io
import multiprocessing
import os
import re
import shlex
import traceback
import warnings
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Dict, Iterator, NamedTuple

FENCE = re.compile(r"^( *)```([^\n`]*)\n(.*?)^\1```$", re.M | re.S)
TITLE = re.compile(r'title="([^"]+)"')
COMMAND = re.compile(r"python -m spacy crf (convert|export) (.*)")
NUMBER = re.compile(r"-?\d+\.\d+")
COLOURS = re.compile(r"\x1b\[[\d;]*m")
TOLERANCE = 0.05


class Block(NamedTuple):
    """A fenced block: its language and title, its text, and the line it begins in."""

    language: str
    title: str
    text: str
    line: int
    is_next: bool  # only blank lines are between it and the block before


def blocks_of(text: str) -> Iterator[Block]:
    end = 0
    for match in FENCE.finditer(text):
        indent, info, inner = match.groups()
        title = TITLE.search(info)
        yield Block(
            info.split()[0] if info.split() else "",
            title[1] if title else "",
            re.sub(rf"(?m)^{indent}", "", inner),
            text.count("\n", 0, match.start()) + 2,
            not text[end : match.start()].strip(),
        )
        end = match.end()


def check_printed(shown: str, printed: str) -> None:
    """Words must be the same, and decimal fractions nearly."""
    assert NUMBER.sub("#", shown).split() == NUMBER.sub("#", printed).split(), printed
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(printed), strict=True)
    assert all(abs(float(a) - float(b)) <= TOLERANCE for a, b in pairs), printed


def check_lines(shown: str, printed: str) -> None:
    """Each line that is shown must be printed, among others."""
    plain = COLOURS.sub("", printed)
    lines = {" ".join(line.split()) for line in plain.splitlines()}
    missing = [x for x in shown.splitlines() if " ".join(x.split()) not in lines]
    assert missing == [], printed


def run_commands(text: str) -> str:
    from spacy_crf_tagger.cli import spacy_app  # pages without commands need it not

    output = io.StringIO()
    for line in text.splitlines():
        match = COMMAND.fullmatch(line)
        words = shlex.split(match[2]) if match else []
        if match and Path(words[0]).exists():
            with redirect_stdout(output):
                spacy_app(["crf", match[1], *words], standalone_mode=False)
    return output.getvalue()


def run_page(path: Path) -> None:
    """Run the blocks of a page in the current folder."""
    variables: Dict[str, Any] = {"__name__": "__main__"}
    printed, check = "", check_lines
    for block in blocks_of(path.read_text("utf8")):
        if block.title:
            Path(block.title).write_text(block.text, "utf8")
        elif block.language == "python":
            # Errors name the line of the page.
            source = "\n" * (block.line - 1) + block.text
            with redirect_stdout(io.StringIO()) as output:
                exec(compile(source, str(path), "exec"), variables)
            printed, check = output.getvalue(), check_printed
            continue
        elif block.language == "sh":
            printed, check = run_commands(block.text), check_lines
            continue
        elif block.language == "text" and block.is_next and printed:
            check(block.text, printed)
        printed = ""


# Each page runs in a new process, as a fork of one that has imported these: that takes
# longer than most pages. Nothing of ours is among them, so that a page must import what
# it uses.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["spacy", "torch", "numba"])


def run_page_apart(path: Path, folder: Path, timeout: float) -> str:
    """Run the blocks of a page in a process of its own.

    path (Path): The page.
    folder (Path): The current folder of the process.
    timeout (float): After how many seconds it is ended.
    RETURNS (str): What went wrong; nothing if all went well.
    """
    errors = folder / "errors.txt"
    process = PROCESSES.Process(target=_run_page_in, args=(path, folder, errors))
    process.start()
    try:
        process.join(timeout)
        status = process.exitcode
    finally:
        process.kill()
        process.join()
        process.close()
    if status is None:
        return f"{path} is not done after {timeout} seconds"
    written = errors.read_text("utf8") if errors.exists() else ""
    return written or (f"{path} ended with {status}" if status else "")


def _run_page_in(path: Path, folder: Path, errors: Path) -> None:
    os.chdir(folder)
    warnings.simplefilter("error", UserWarning)
    # Said of some processors only.
    warnings.filterwarnings("ignore", "torch.autocast asks for", UserWarning)
    try:
        run_page(path)
    except BaseException:
        errors.write_text(traceback.format_exc(), "utf8")
