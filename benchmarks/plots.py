"""Plots of results, for the README."""

import statistics
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure


def plot_dial(dials: list[dict[str, Any]], corpus: str, path: Path) -> None:
    """Draw precision over recall on test, as means over the seeds: minimum risk at
    every threshold, the chosen threshold, and Viterbi.
    """
    curves = [dial["curve"] for dial in dials]
    points = [
        averaged(list(at_threshold)) for at_threshold in zip(*curves, strict=True)
    ]
    figure = Figure(figsize=(5, 3.6), layout="constrained")
    axes = figure.add_subplot(
        xlabel="Recall", ylabel="Precision", title=f"{corpus}, test"
    )
    recall = [point["test_r"] for point in points]
    precision = [point["test_p"] for point in points]
    axes.plot(recall, precision, "o-", markersize=4, label='decoder = "mbr"')
    for point in points[::2]:
        axes.annotate(
            f"{point['threshold']:g}",
            (point["test_r"], point["test_p"]),
            textcoords="offset points",
            xytext=(5, 4),
            fontsize=8,
        )
    for name, marker in (("chosen", "*"), ("viterbi", "s")):
        point = averaged([dial[name] for dial in dials])
        label = {"chosen": "chosen on dev", "viterbi": 'decoder = "viterbi"'}[name]
        at = (point["test_r"], point["test_p"])
        axes.plot(*at, marker, markersize=10, label=f"{label}, F {point['test_f']:.3f}")
    axes.legend()
    # The same numbers give the same file.
    with rc_context({"svg.hashsalt": "dial"}):
        figure.savefig(path, metadata={"Date": None})


def averaged(points: list[dict[str, float]]) -> dict[str, float]:
    """RETURNS (dict[str, float]): The mean of each value."""
    keys = points[0].keys()
    return {key: statistics.fmean(point[key] for point in points) for key in keys}
