"""Tell the user what a file holds and what is wrong with it."""

from collections import Counter
from pathlib import Path
from typing import Sequence

from spacy.tokens import Doc
from wasabi import msg

from .reading import Problem, Reading

_MAX_SHOWN = 20  # problems of a kind
_MAX_WIDTH = 100  # characters of a problem's text


def report_problems(reading: Reading, path: Path) -> None:
    """Print the problems of a file, the first ones of each kind in full, and what was
    left out of it.

    reading (Reading): What the file holds.
    path (Path): Where the file is.
    """
    counts = Counter(problem.kind for problem in reading.problems)
    for kind, count in counts.items():
        msg.warn(kind)
        of_kind = [problem for problem in reading.problems if problem.kind == kind]
        for problem in of_kind[:_MAX_SHOWN]:
            msg.row([_format_problem(problem, path)])
        if count > _MAX_SHOWN:
            msg.row([f"… and {count - _MAX_SHOWN} more"])
    for answer, lines in reading.left_out.items():
        shown = ", ".join(map(str, lines[:_MAX_SHOWN]))
        more = f" and {len(lines) - _MAX_SHOWN} more" if len(lines) > _MAX_SHOWN else ""
        msg.info(f"Left out {len(lines)} with the answer {answer!r}")
        msg.row([f"{path}: line {shown}{more}"])
    if counts:
        msg.table(counts, title="Problems", aligns=("l", "r"), max_col=60)


def report_content(docs: Sequence[Doc]) -> None:
    """Print how much there is in documents.

    docs (Sequence[Doc]): The documents.
    """
    labels = Counter(span.label_ for doc in docs for span in doc.ents)
    rows = {
        "Documents": len(docs),
        "Tokens": sum(map(len, docs)),
        "Tokens without annotation": sum(t.ent_iob == 0 for doc in docs for t in doc),
        "Entities": sum(labels.values()),
    }
    for label, count in sorted(labels.items()):
        rows[f"  {label}"] = count
    msg.table(rows, title="Content", aligns=("l", "r"), max_col=60)


def _format_problem(problem: Problem, path: Path) -> str:
    text = problem.text
    if len(text) > _MAX_WIDTH:
        text = f"{text[:_MAX_WIDTH]}…"
    return f"{path}:{problem.line}: {problem.kind}: {text}"
