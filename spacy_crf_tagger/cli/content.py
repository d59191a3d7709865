"""Print what a converted file contains and what is wrong with it."""

from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Mapping

from spacy.attrs import ENT_IOB
from spacy.tokens import Doc
from wasabi import msg

from ..data.reading import MAX_KEPT, Log, Problem, Tally

_MAX_WIDTH = 100  # characters of a problem's text


class Content:
    """How much there is in documents that pass by."""

    def __init__(self) -> None:
        self.n_docs = 0
        self.n_tokens = 0
        self.n_missing = 0
        self.labels: Counter[str] = Counter()
        self.n_grouped: Counter[str] = Counter()  # spans in each group

    def add(self, doc: Doc) -> None:
        """Count a document.

        doc (Doc): The document.
        """
        self.n_docs += 1
        self.n_tokens += len(doc)
        self.n_missing += int((doc.to_array([ENT_IOB]) == 0).sum())
        self.labels.update(span.label_ for span in doc.ents)
        for name, group in doc.spans.items():
            self.n_grouped[name] += len(group)

    @property
    def n_entities(self) -> int:
        """RETURNS (int): How many entities there are."""
        return sum(self.labels.values())

    @property
    def is_annotated(self) -> bool:
        """RETURNS (bool): Whether there is annotation to learn from at all."""
        return self.n_missing < self.n_tokens


def report_log(log: Log, path: Path) -> None:
    """Print the problems of files, the first ones of each kind in full, what was left
    out of them, and what else there is to know.

    log (Log): What there is to say about the files.
    path (Path): The file, if there is only one.
    """
    for kind, tally in log.problems.items():
        msg.warn(kind)
        for problem, own_path in zip(tally.first, tally.paths, strict=True):
            msg.row([_format_problem(problem, own_path or path)])
        if tally.count > MAX_KEPT:
            msg.row([f"… and {tally.count - MAX_KEPT} more"])
    for answer, lines in log.left_out.items():
        msg.info(f"Left out {lines.count} with the answer {answer!r}")
        msg.row([_format_lines(lines, path)])
    for note, lines in log.notes.items():
        msg.info(f"{note}: {lines.count}")
        msg.row([_format_lines(lines, path)])
    if log.lost.count:
        msg.warn(f"Lost {log.lost.count} without a text that can be read")
        msg.row([_format_lines(log.lost, path)])
    if log.problems:
        counts = {kind: tally.count for kind, tally in log.problems.items()}
        msg.table(counts, title="Problems", aligns=("l", "r"), max_col=60)


def report_content(content: Content) -> None:
    """Print how much there is in documents.

    content (Content): How much there is.
    """
    rows = {
        "Documents": content.n_docs,
        "Tokens": content.n_tokens,
        "Tokens without annotation": content.n_missing,
        "Entities": content.n_entities,
    }
    for label, count in sorted(content.labels.items()):
        rows[f"  {label}"] = count
    msg.table(rows, title="Content", aligns=("l", "r"), max_col=60)


def report_parts(parts: Mapping[str, Content]) -> None:
    """Print how much there is in each part of documents.

    parts (Mapping[str, Content]): How much there is, by the names of the parts.
    """
    if not parts:
        return
    rows = [(name, each.n_docs, each.n_entities) for name, each in parts.items()]
    header = ("Part", "Documents", "Entities")
    msg.table(rows, header=header, divider=True, aligns=("l", "r", "r"))


def _format_problem(problem: Problem, path: Path) -> str:
    text = problem.text
    if len(text) > _MAX_WIDTH:
        text = f"{text[:_MAX_WIDTH]}…"
    return f"{path}:{problem.line}: {problem.kind}: {text}"


def _format_lines(lines: Tally[int], path: Path) -> str:
    pairs = zip(lines.paths, lines.first, strict=True)
    parts = [
        f"{own_path or path}: line {', '.join(str(line) for _, line in group)}"
        for own_path, group in groupby(pairs, key=lambda pair: pair[0])
    ]
    more = lines.count - len(lines.first)
    return "; ".join(parts) + (f" and {more} more" if more else "")
