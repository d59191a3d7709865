"""`spacy crf compare`: the scores of several evaluations side by side."""

from pathlib import Path
from typing import Annotated, Any, Dict, List, NamedTuple, Optional, cast

import srsly
import typer
from wasabi import msg

from ..data.saving import check_file, replacing_file
from .errors import explained

_NO_VALUE = "–"
_CANT_WRITE = "Can't write the output file"


class Scores(NamedTuple):
    """The scores of one evaluation, as fractions. Those that nothing can be said about,
    because the documents have no annotated entities, are None (null in JSON).

    precision (Optional[float]): Overall precision.
    recall (Optional[float]): Overall recall.
    f (Optional[float]): Overall F.
    f_by_label (Dict[str, Optional[float]]): F of each label.
    """

    precision: Optional[float]
    recall: Optional[float]
    f: Optional[float]
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
    compare(metrics, output, names)


def compare(
    metrics: List[Path], output: Optional[Path] = None, names: Optional[str] = None
) -> None:
    """Print the scores of several evaluations in one table.

    metrics (List[Path]): Files written by `spacy evaluate --output`, two or more.
    output (Optional[Path]): A Markdown file to write the table to.
    names (Optional[str]): Names separated by commas, instead of those of the files.
    """
    if len(metrics) < 2:
        msg.fail("Give two files or more to compare", exits=1)
    if output is not None:
        with explained(_CANT_WRITE, OSError):
            check_file(output, metrics)
    columns = _column_names(metrics, names)
    scores = [_read_scores(path) for path in metrics]
    for path, of_path in zip(metrics, scores, strict=True):
        if of_path.f is None:
            msg.warn(
                f"The score ents_f in {path} is null",
                "The documents that it was measured on have no annotated entities.",
            )
    rows = make_rows(scores)
    msg.table(
        [(row.name, *_mark(row, "{} *", "{}  ")) for row in rows],
        header=("", *(f"{column}  " for column in columns)),
        aligns=("l", *("r" for _ in columns)),
        divider=True,
        max_col=60,
    )
    if output is not None:
        with explained(_CANT_WRITE, OSError), replacing_file(output) as temporary:
            temporary.write_text(to_markdown(rows, columns), encoding="utf8")
        msg.good(f"Saved table to {output}")


def parse_scores(data: Any) -> Scores:
    """Pick the scores of entities out of an evaluation.

    data (Any): What `spacy evaluate --output` wrote.
    RETURNS (Scores): The scores.
    RAISES (ValueError): If there are none.
    """
    if not isinstance(data, dict) or "ents_f" not in data:
        raise ValueError('no score "ents_f" of entities')
    by_label = {} if data.get("ents_per_type") is None else data["ents_per_type"]
    if not isinstance(by_label, dict):
        raise ValueError('the value of "ents_per_type" is not one of scores by label')
    return Scores(
        _get_score(data, "ents_p"),
        _get_score(data, "ents_r"),
        _get_score(data, "ents_f"),
        {label: _get_score(scores, "f") for label, scores in by_label.items()},
    )


def make_rows(scores: List[Scores]) -> List[Row]:
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


def _get_score(scores: Any, name: str) -> Optional[float]:
    value = scores.get(name) if isinstance(scores, dict) else scores
    # Not isinstance: true is no score.
    if value is None or (type(value) in (int, float) and 0 <= value <= 1):
        return cast(Optional[float], value)
    raise ValueError(
        f'the score "{name}" is not a number from 0 to 1 or null: {value!r}'
    )


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
    with explained(f"Can't read scores from {path}", OSError, ValueError):
        return parse_scores(srsly.read_json(path))
