"""Plots of results, for the documentation: legible at a width of 700 pixels, in two
colours and grey.
"""

import statistics
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#3b5b92", "#e07b39", "0.55"
# Inches, of which a page shows 100 pixels.
WIDTH = 7.0


def draw(figure: Figure, path: Path) -> None:
    """Write a plot; the same numbers give the same file."""
    with rc_context({"svg.hashsalt": path.stem}):
        figure.savefig(path, metadata={"Date": None})


def open_frame(axes: Axes) -> None:
    """Leave out the lines of the frame that are no axes."""
    axes.spines[["top", "right"]].set_visible(False)


def plot_dial(dials: list[dict[str, Any]], corpus: str, path: Path) -> None:
    """Draw precision over recall on test, as means over the seeds: minimum risk at
    every threshold, the chosen threshold, and Viterbi.
    """
    curves = [dial["curve"] for dial in dials]
    points = [
        averaged(list(at_threshold)) for at_threshold in zip(*curves, strict=True)
    ]
    figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
    axes = figure.add_subplot(
        xlabel="Recall", ylabel="Precision", title=f"{corpus}, test"
    )
    recall = [point["test_r"] for point in points]
    precision = [point["test_p"] for point in points]
    label = 'decoder = "mbr", by threshold'
    axes.plot(recall, precision, "o-", markersize=5, color=BLUE, label=label)
    for point in points[::2]:
        axes.annotate(
            f"{point['threshold']:g}",
            (point["test_r"], point["test_p"]),
            textcoords="offset points",
            xytext=(-6, -6),
            horizontalalignment="right",
            verticalalignment="top",
            color=BLUE,
        )
    for name, marker in (("chosen", "*"), ("viterbi", "s")):
        point = averaged([dial[name] for dial in dials])
        label = {"chosen": "chosen on dev", "viterbi": 'decoder = "viterbi"'}[name]
        at = (point["test_r"], point["test_p"])
        label = f"{label}, F {100 * point['test_f']:.1f}"
        size = {"*": 16, "s": 9}[marker]
        axes.plot(*at, marker, markersize=size, color=ORANGE, label=label, mec="white")
    axes.margins(0.08)
    axes.legend(frameon=False)
    open_frame(axes)
    draw(figure, path)


def plot_crf(rows: list[dict[str, Any]], peer: str, path: Path) -> None:
    """Draw how many times as long as ours a peer takes, by shape and task."""
    rows = [row for row in rows if peer in row["times ours"]]
    shapes = list(dict.fromkeys(tuple(row["shape"]) for row in rows))
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    figure = Figure(figsize=(WIDTH, 0.8 + 0.55 * len(shapes)), layout="constrained")
    axes = figure.add_subplot(xscale="log")
    height = 0.8 / len(tasks)
    colors = (BLUE, ORANGE, GREY)
    for number, (task, color) in enumerate(zip(tasks, colors, strict=False)):
        own = [row["times ours"][peer] for row in rows if row["task"] == task]
        at = [n + (number - (len(tasks) - 1) / 2) * height for n in range(len(own))]
        bars = axes.barh(at, own, height, label=task, color=color)
        axes.bar_label(bars, fmt="%.0f ×", padding=3)
    labels = [" × ".join(f"{size:,}" for size in shape) for shape in shapes]
    axes.set_yticks(range(len(shapes)), labels)
    axes.invert_yaxis()
    # Ours takes 1; the labels of the longest bars need room.
    axes.set_xlim(1, 2.5 * max(row["times ours"][peer] for row in rows))
    ticks = [1, 10, 100]
    axes.set_xticks(ticks, [f"{tick} ×" for tick in ticks])
    axes.set(
        title=f"{peer}: times as long as ours, one thread",
        ylabel="sequences × tokens × tags",
    )
    figure.legend(loc="outside lower center", ncols=len(tasks), frameon=False)
    open_frame(axes)
    draw(figure, path)


def plot_growth(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw the time that one document takes over its tokens, beside a straight line
    through the longest one.
    """
    tokens = [row["tokens"] for row in rows]
    seconds = [row["median seconds"] for row in rows]
    line = [seconds[-1] / tokens[-1] * number for number in tokens]
    figure = Figure(figsize=(WIDTH, 3.8), layout="constrained")
    axes = figure.add_subplot(xscale="log", yscale="log", title="One document")
    label = "proportional to its length"
    axes.plot(tokens, line, "--", color=GREY, label=label)
    axes.plot(tokens, seconds, "o-", markersize=6, color=BLUE, label="crf_ner")
    axes.set_xticks(tokens, [f"{number:,}" for number in tokens])
    axes.set_yticks(ticks := [0.01, 0.1, 1, 10], [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set(xlabel="Tokens", ylabel="Seconds")
    axes.legend(frameon=False)
    open_frame(axes)
    draw(figure, path)


def averaged(points: list[dict[str, float]]) -> dict[str, float]:
    """RETURNS (dict[str, float]): The mean of each value."""
    keys = points[0].keys()
    return {key: statistics.fmean(point[key] for point in points) for key in keys}
