"""Learning curves: F over the share of tokens that are annotated."""

import statistics
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from .plots import BLUE, GREY, ORANGE, WIDTH, draw, open_frame

COLOURS = {"random": GREY, "entropy": BLUE, "mnlp": ORANGE, "change": "#4d9a6a"}


def mean_curve(runs: list[dict[str, Any]], strategy: str) -> dict[str, list[float]]:
    """RETURNS (dict[str, list[float]]): Of each round, the means over the seeds of the
    share of tokens and of F, and the standard deviation of F.
    """
    own = [run["rounds"] for run in runs if run["strategy"] == strategy]
    rounds = list(zip(*own, strict=True))
    scores = [[each["test_f"] for each in of_round] for of_round in rounds]
    return {
        "share": [
            statistics.fmean(each["share"] for each in of_round) for of_round in rounds
        ],
        "f": [statistics.fmean(each) for each in scores],
        "f_sd": [statistics.stdev(f) if len(f) > 1 else 0.0 for f in scores],
    }


def share_needed(curve: dict[str, list[float]], wanted: float) -> float | None:
    """RETURNS (float | None): The share of tokens at which a curve first reaches an F,
    by a straight line between rounds; None if it does not.
    """
    reached = [n for n, f in enumerate(curve["f"]) if f >= wanted]
    if not reached:
        return None
    n = reached[0]
    if n == 0:
        return curve["share"][0]
    part = slice(n - 1, n + 1)
    return float(np.interp(wanted, curve["f"][part], curve["share"][part]))


def plot_curves(results: dict[str, dict[str, Any]], path: Path) -> None:
    """Draw the curves of each corpus side by side, each with the F of all tokens and
    with 95% of that.
    """
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    panels = figure.subplots(1, len(results), squeeze=False)[0]
    for axes, (title, result) in zip(panels, results.items(), strict=True):
        full = 100 * result["full"]["test_f"]
        axes.axhline(full, color=GREY, linewidth=1)
        axes.axhline(0.95 * full, color=GREY, linewidth=1, linestyle=":")
        for strategy, curve in result["mean"].items():
            share, f, deviation = (
                100 * np.array(curve[key]) for key in ("share", "f", "f_sd")
            )
            colour = COLOURS[strategy]
            axes.plot(share, f, "o-", markersize=4, color=colour, label=strategy)
            axes.fill_between(
                share, f - deviation, f + deviation, color=colour, alpha=0.15
            )
        axes.set(title=title, xlabel="Annotated tokens, %")
        open_frame(axes)
    panels[0].set_ylabel("F, test")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    draw(figure, path)
