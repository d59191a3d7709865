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


def plot_crf(rows: list[dict[str, Any]], peer: str, path: Path) -> None:
    """Draw how many times as long as ours a peer takes, by shape and task."""
    rows = [row for row in rows if peer in row["times ours"]]
    shapes = list(dict.fromkeys(tuple(row["shape"]) for row in rows))
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.add_subplot(
        yscale="log",
        xlabel="Sequences × tokens × tags (BILUO)",
        ylabel="Times as long as ours",
        title=f"{peer}, one thread",
    )
    width = 0.8 / len(tasks)
    for number, task in enumerate(tasks):
        own = [row["times ours"][peer] for row in rows if row["task"] == task]
        at = [n + (number - (len(tasks) - 1) / 2) * width for n in range(len(own))]
        bars = axes.bar(at, own, width, label=task)
        axes.bar_label(bars, fmt="%.0f", fontsize=8)
    labels = ["×".join(map(str, shape)) for shape in shapes]
    axes.set_xticks(range(len(shapes)), labels)
    axes.legend()
    with rc_context({"svg.hashsalt": "crf"}):
        figure.savefig(path, metadata={"Date": None})


def averaged(points: list[dict[str, float]]) -> dict[str, float]:
    """RETURNS (dict[str, float]): The mean of each value."""
    keys = points[0].keys()
    return {key: statistics.fmean(point[key] for point in points) for key in keys}
