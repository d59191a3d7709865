"""Show findings as a page of HTML that needs nothing else."""

import json
from pathlib import Path
from typing import Any, Dict, List, Sequence

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from spacy.tokens import Doc
from spacy.vocab import Vocab

from .findings import KINDS
from .groups import Group
from .tasks import Task, quote, to_prodigy

_TEMPLATE = "page.jinja"


def render_page(
    groups: Sequence[Group], *, corpus: str, n_docs: int, n_findings: int, limit: int
) -> str:
    """Render the best findings, by their groups, with buttons that write decisions.

    groups (Sequence[Group]): The groups, best first.
    corpus (str): What the corpus is called.
    n_docs (int): How many documents it has.
    n_findings (int): How many findings there are in all.
    limit (int): The most of them that are shown.
    RETURNS (str): The page. Texts of the corpus are escaped.
    """
    shown: List[Dict[str, Any]] = []
    tasks: List[Dict[str, Any]] = []
    nothing = Doc(Vocab())
    for group in groups:
        if len(tasks) >= limit:
            break
        first = group.tasks[0].finding
        contexts = []
        for task in group.tasks[: limit - len(tasks)]:
            record = to_prodigy(task, group.number, nothing)
            kept = ("text", "spans", "finding")
            tasks.append({key: record[key] for key in kept})
            contexts.append({"number": len(tasks) - 1, "pieces": _pieces(task)})
        shown.append(
            {
                "number": group.number,
                "what": KINDS[first.change.kind],
                "annotated": quote(group.tasks[0], first.change.annotated),
                "suggested": quote(group.tasks[0], first.change.suggested),
                "contexts": contexts,
                "n_more": len(group.tasks) - len(contexts),
            }
        )
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent, encoding="utf8"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    # No text of the corpus can end the script.
    data = json.dumps(tasks).replace("<", "\\u003c")
    return environment.get_template(_TEMPLATE).render(
        corpus=corpus,
        n_docs=n_docs,
        n_findings=n_findings,
        n_shown=len(tasks),
        groups=shown,
        tasks=data,
    )


def _pieces(task: Task) -> Dict[str, Any]:
    finding = task.finding
    end = task.start + len(task.words)
    inside = task.text_with_ws(finding.start, finding.end)
    blank = inside[len(inside.rstrip()) :]
    return {
        "before": task.text_with_ws(task.start, finding.start),
        "inside": inside.rstrip(),
        "after": blank + task.text_with_ws(finding.end, end),
        "doc": finding.doc + 1,
        "usage": f"{finding.usage:+.1f}",
        "probability": f"{finding.probability:.3f}",
        "suggested_probability": f"{finding.suggested_probability:.3f}",
    }
