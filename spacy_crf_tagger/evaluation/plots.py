"""Plots. Matplotlib comes with the extra `plots`, and is imported only here."""

from itertools import cycle
from pathlib import Path
from typing import Iterable, Mapping, Union

from ..data.saving import check_file, replacing_file
from .reliability import Reliability

FORMATS = (".png", ".svg")
_INSTALL = 'Plots need Matplotlib: pip install "spacy-crf-tagger[plots]"'


def check_plot(path: Path, inputs: Iterable[Path] = ()) -> None:
    """Check that a plot can be drawn, before it takes work to get there.

    path (Path): The file to write.
    inputs (Iterable[Path]): What is read, and must not be overwritten.
    RAISES (ImportError): If Matplotlib is not installed.
    RAISES (ValueError): If the ending of the file is not that of a format.
    RAISES (OSError): If the file cannot be written, or is one of the inputs.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(_INSTALL) from error
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"{path.name} must end in {' or '.join(FORMATS)}.")
    check_file(path, inputs)


def plot_reliability(
    measured: Mapping[str, Reliability], path: Union[str, Path]
) -> None:
    """Draw a reliability diagram (Niculescu-Mizil and Caruana 2005, "Predicting good
    probabilities with supervised learning"): for each bin the share of entities that
    are correct over their mean score. Calibrated ones lie on the diagonal.

    measured (Mapping[str, Reliability]): What to compare, by name.
    path (Union[str, Path]): The file to write, a PNG or SVG.
    RAISES (ImportError): If Matplotlib is not installed.
    RAISES (ValueError): If the ending of the file is not that of a format.
    RAISES (OSError): If the file cannot be written.
    """
    path = Path(path)
    check_plot(path)
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    # A figure that pyplot does not know of needs no display and no cleaning up.
    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = figure.add_subplot(
        xlim=(0, 1),
        ylim=(0, 1),
        aspect="equal",
        xlabel="Mean score of the entities of a bin",
        ylabel="Share of them that is correct",
    )
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=1)
    for (name, result), marker in zip(measured.items(), cycle("osD^v"), strict=False):
        label = name if result.ece is None else f"{name} (ECE {result.ece:.3f})"
        axes.plot(
            [b.score for b in result.bins],
            [b.correct for b in result.bins],
            marker=marker,
            linewidth=1,
            label=label,
            clip_on=False,
        )
    axes.legend(loc="upper left")
    # The same numbers give the same file.
    with rc_context({"svg.hashsalt": "reliability"}), replacing_file(path) as temporary:
        metadata = {"Date": None} if path.suffix.lower() == ".svg" else None
        figure.savefig(temporary, dpi=150, metadata=metadata)
