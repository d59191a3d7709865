"""What the ablation found, as tables and plots.

    python -m benchmarks.ablation_report

renews the tables of `docs/how-effective-is-a-crf.md` from the results of
`benchmarks.ablation`, `benchmarks.tag_ablation` and `benchmarks.ablation_speed`, and
the plots beside it.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import srsly
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from wasabi import msg

from .ablation import BASELINE, BUDGETS, CRFS, VARIANTS
from .harness.plots import BLUE, GREY, WIDTH, draw, open_frame
from .harness.training import RESULTS, ROOT, WORK
from .table import NAMES

PAGE = ROOT / "docs" / "how-effective-is-a-crf.md"
SIGNIFICANT = 0.05
HEAT_MAP = "ncbi-disease"
TAG_CORPORA = {"ewt-xpos": "English EWT, parts of speech"}
TITLES = {**NAMES, **TAG_CORPORA}
Results = dict[str, dict[str, Any]]


def main(
    quick: Annotated[bool, typer.Option("--quick", help="Of the small form")] = False,
    work: Annotated[Path, typer.Option(help="Folder of the small form")] = WORK,
) -> None:
    """Write tables and plots."""
    source = work / "quick" if quick else RESULTS
    target = source / PAGE.name if quick else PAGE
    results, speed = read(source), srsly.read_json(source / "ablation-speed.json")
    if quick:
        target.write_text(PAGE.read_text("utf8"), "utf8")
    text = target.read_text("utf8")
    target.write_text(renewed(text, results, read(source, TAG_CORPORA), speed), "utf8")
    draw(plot_f(results), target.parent / "ablation-f.svg")
    draw(plot_invalid(results), target.parent / "ablation-invalid.svg")
    shown = results.get(HEAT_MAP) or next(iter(results.values()))
    draw(plot_transitions(shown), target.parent / "ablation-transitions.svg")
    msg.good(f"Wrote {target} and three plots")


def read(folder: Path, corpora: Iterable[str] = tuple(BUDGETS)) -> Results:
    """RETURNS (Results): The results of each of the corpora that has been measured."""
    paths = {corpus: folder / f"ablation-{corpus}.json" for corpus in corpora}
    return {
        corpus: srsly.read_json(path) for corpus, path in paths.items() if path.exists()
    }


def renewed(text: str, results: Results, tags: Results, speed: dict[str, Any]) -> str:
    """RETURNS (str): A page with the tables between its marks made anew, of entities
    and, where both have it, of tags.
    """
    tables = {
        "f": table({**results, **tags}, score_cell),
        "invalid": table(results, lambda mean: f"{100 * mean['invalid']:.1f}%"),
        "calibration": table(
            {**results, **tags},
            lambda m: f"{m['ece_before']:.3f} → {m['ece_after']:.3f}",
        ),
        "cost": cost_table(results, speed),
    }
    for name, lines in tables.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
        body = "\n" + "\n".join(lines) + "\n\n"
        text, found = re.subn(
            pattern, lambda m, b=body: m[1] + b + m[2], text, flags=re.DOTALL
        )
        if found != 1:
            raise SystemExit(f"The page has no place for the table {name!r}.")
    return text


def table(results: Results, cell: Callable[[dict[str, float]], str]) -> list[str]:
    """RETURNS (list[str]): A row for each variant, a column for each corpus. A corpus
    of tags has no variants that differ in constraints.
    """
    means = [result["mean"] for result in results.values()]
    rows = [
        [name, *(cell(mean[name]) if name in mean else "–" for mean in means)]
        for name in VARIANTS
    ]
    return markdown(["", *(TITLES[corpus] for corpus in results)], rows)


def score_cell(mean: dict[str, float]) -> str:
    """RETURNS (str): Mean and deviation of F, or of the accuracy of tags, and whether
    chance explains it.
    """
    name, digits = ("test_f", 1) if "test_f" in mean else ("test_acc", 2)
    score, sd = (f"{100 * mean[key]:.{digits}f}" for key in (name, f"{name}_sd"))
    mark = " *" if mean.get("p_value", 1.0) < SIGNIFICANT else ""
    return f"{score} ± {sd}{mark}"


def cost_table(results: Results, speed: dict[str, Any]) -> list[str]:
    """RETURNS (list[str]): The table of speeds and sizes."""
    corpus = speed["corpus"]
    training, prediction = (
        speed[part]["times baseline"] for part in ("training", "prediction")
    )
    rows = [
        [
            name,
            f"{training[name]:.2f}" if name in training else "–",
            f"{prediction[name]:.2f}",
            f"{results[corpus]['mean'][name]['parameters'] / 1e6:.2f} M",
        ]
        for name in VARIANTS
    ]
    return markdown(["", "training", "prediction", "parameters"], rows)


def markdown(header: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """RETURNS (list[str]): The lines of a table."""
    lines = [list(header), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return [f"| {' | '.join(cells)} |" for cells in lines]


def plot_f(results: Results) -> Figure:
    """RETURNS (Figure): F of each variant, with the deviation over its seeds."""
    figure, panels = panels_of(results)
    for axes, result in zip(panels, results.values(), strict=True):
        means = [result["mean"][name] for name in VARIANTS]
        axes.errorbar(
            [100 * mean["test_f"] for mean in means],
            range(len(VARIANTS)),
            xerr=[100 * mean["test_f_sd"] for mean in means],
            fmt="o",
            capsize=3,
            color=BLUE,
        )
        base = 100 * result["mean"][BASELINE]["test_f"]
        axes.axvline(base, color=GREY, linestyle="--", linewidth=1)
    figure.supxlabel("F on test", fontsize="medium")
    return figure


def plot_invalid(results: Results) -> Figure:
    """RETURNS (Figure): The share of invalid sequences of each variant."""
    figure, panels = panels_of(results)
    for axes, result in zip(panels, results.values(), strict=True):
        shares = [100 * result["mean"][name]["invalid"] for name in VARIANTS]
        bars = axes.barh(range(len(VARIANTS)), shares, 0.6, color=BLUE)
        axes.bar_label(bars, fmt="%.1f", padding=3)
        axes.set_xlim(0, 100)
    figure.supxlabel("Documents with an invalid tag sequence, %", fontsize="medium")
    return figure


def panels_of(results: Results) -> tuple[Figure, list[Axes]]:
    """RETURNS (tuple): A figure with a panel for each corpus, and a line for each
    variant.
    """
    figure = Figure(figsize=(WIDTH, 3.8), layout="constrained")
    panels = list(figure.subplots(1, len(results), sharey=True, squeeze=False)[0])
    for axes, corpus in zip(panels, results, strict=True):
        axes.set_title(NAMES[corpus], fontsize="medium")
        open_frame(axes)
    names = [name.replace(" + softmax, ", " + softmax,\n") for name in VARIANTS]
    names = [name.replace(" without ", "\nwithout ") for name in names]
    panels[0].set_yticks(range(len(names)), names)
    panels[0].invert_yaxis()
    return figure, panels


def plot_transitions(result: dict[str, Any]) -> Figure:
    """RETURNS (Figure): The learned scores of transitions, without and with
    constraints; forbidden ones are grey.
    """
    learned = result["transitions"]
    figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
    panels = figure.subplots(1, len(CRFS), sharey=True)
    # Not a number where forbidden, [2, K, K].
    values = np.array([learned[name]["scores"] for name in CRFS], dtype=float)
    bound = np.nanmax(np.abs(values))
    for axes, name, scores in zip(panels, CRFS, values, strict=True):
        axes.set_facecolor("0.85")  # seen through what is no number
        image = axes.imshow(scores, cmap="RdBu", vmin=-bound, vmax=bound)
        tags = learned[name]["tags"]
        axes.set_xticks(range(len(tags)), tags, rotation=90)
        axes.set_yticks(range(len(tags)), tags)
        axes.set_title(name, fontsize="medium")
        axes.set_xlabel("next tag")
    panels[0].set_ylabel("tag")
    figure.colorbar(image, ax=panels, label="Score")
    return figure


if __name__ == "__main__":
    typer.run(main)
