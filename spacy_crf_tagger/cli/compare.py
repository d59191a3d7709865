"""`spacy crf compare`: the scores of several evaluations side by side."""

from pathlib import Path
from typing import Annotated, Any, Dict, List, NamedTuple, Optional

import srsly
import typer
from wasabi import msg

_NO_VALUE = "–"


class Scores(NamedTuple):
    """The scores of one evaluation, as fractions.

    precision (Optional[float]): Overall precision.
    recall (Optional[float]): Overall recall.
    f (float): Overall F.
    f_by_label (Dict[str, Optional[float]]): F of each label.
    """

    precision: Optional[float]
    recall: Optional[float]
    f: float
    f_by_label: Dict[str, Optional[float]]


class Row(NamedTuple):
    """One row of the comparison.

    name (str): What is compared.
    cells (List[str]): In percent, for each evaluation.
    best (List[bool]): Whether a cell is to be marked as a best one.
    """

    name: str
    cells: List[str]
    best: List[bool]


def compare_cli(
    metrics: Annotated[
        List[Path],
        typer.Argument(
            metavar="METRICS_JSON",
            help='Files written by "spacy evaluate --output", two or more',
        ),
    ],
    output: Annotated[
        Optional[Path],
        typer.Option("--output", "-o", help="Markdown file to write the table to"),
    ] = None,
    names: Annotated[
        Optional[str],
        typer.Option(
            "--names", "-n", help="Comma-separated names, instead of those of the files"
        ),
    ] = None,
) -> None:
    """Compare evaluations of entity recognisers.

    Prints precision, recall and F overall and F for each label, in percent. The best F
    of each row is marked.
    """
    if len(metrics) < 2:
        msg.fail("Give two files or more to compare", exits=1)
    columns = _column_names(metrics, names)
    rows = compare([_read_scores(path) for path in metrics])
    msg.table(
        [(row.name, *_mark(row, "{} *", "{}  ")) for row in rows],
        header=("", *(f"{column}  " for column in columns)),
        aligns=("l", *("r" for _ in columns)),
        divider=True,
        max_col=60,
    )
    if output is not None:
        _write(to_markdown(rows, columns), output)
        msg.good(f"Saved table to {output}")


def parse_scores(data: Any) -> Scores:
    """Pick the scores of entities out of an evaluation.

    data (Any): What `spacy evaluate --output` wrote.
    RETURNS (Scores): The scores.
    RAISES (ValueError): If there are none.
    """
    if not isinstance(data, dict) or not isinstance(data.get("ents_f"), (int, float)):
        raise ValueError('no score "ents_f" of entities')
    by_label = data.get("ents_per_type") or {}
    f_by_label = {label: scores.get("f") for label, scores in by_label.items()}
    return Scores(data.get("ents_p"), data.get("ents_r"), data["ents_f"], f_by_label)


def compare(scores: List[Scores]) -> List[Row]:
    """Arrange scores in rows.

    scores (List[Scores]): The scores of each evaluation.
    RETURNS (List[Row]): Precision, recall, F and the F of each label, which an
        evaluation need not have.
    """
    labels = sorted({label for s in scores for label in s.f_by_label})
    return [
        _make_row("P", [s.precision for s in scores], mark_best=False),
        _make_row("R", [s.recall for s in scores], mark_best=False),
        _make_row("F", [s.f for s in scores]),
        *(
            _make_row(f"F {label}", [s.f_by_label.get(label) for s in scores])
            for label in labels
        ),
    ]


def to_markdown(rows: List[Row], columns: List[str]) -> str:
    """Write a comparison as a Markdown table.

    rows (List[Row]): The rows.
    columns (List[str]): The name of each evaluation.
    RETURNS (str): The table, in which the best cells are bold.
    """
    lines = [
        ["", *columns],
        ["---", *("---:" for _ in columns)],
        *([row.name, *_mark(row, "**{}**", "{}")] for row in rows),
    ]
    escaped = [[cell.replace("|", r"\|") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in escaped)


def _make_row(
    name: str, values: List[Optional[float]], *, mark_best: bool = True
) -> Row:
    rounded = [None if value is None else round(100 * value, 1) for value in values]
    highest = max((value for value in rounded if value is not None), default=None)
    cells = [_NO_VALUE if value is None else f"{value:.1f}" for value in rounded]
    is_best = [
        mark_best and value is not None and value == highest for value in rounded
    ]
    return Row(name, cells, is_best)


def _mark(row: Row, best: str, other: str) -> List[str]:
    return [
        (best if is_best else other).format(cell)
        for cell, is_best in zip(row.cells, row.best, strict=True)
    ]


def _column_names(paths: List[Path], names: Optional[str]) -> List[str]:
    if names is None:
        stems = [path.stem for path in paths]
        return stems if len(set(stems)) == len(stems) else [str(p) for p in paths]
    columns = [name.strip() for name in names.split(",")]
    if len(columns) != len(paths):
        msg.fail(f"Got {len(columns)} names for {len(paths)} files", names, exits=1)
    return columns


def _read_scores(path: Path) -> Scores:
    try:
        return parse_scores(srsly.read_json(path))
    except (OSError, ValueError) as error:
        msg.fail(f"Can't read scores from {path}", error, exits=1)


def _write(text: str, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf8")
    except OSError as error:
        msg.fail("Can't write the output file", error, exits=1)
