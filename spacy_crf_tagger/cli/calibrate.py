"""`spacy crf calibrate`: fit the temperature of probabilities on annotated text."""

from pathlib import Path
from typing import Annotated, Optional

import typer


def calibrate_cli(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="Name of an installed pipeline package, or a path"
        ),
    ],
    dev: Annotated[
        Path,
        typer.Argument(
            metavar="DEV",
            help="Annotated .spacy file that the pipeline has not learned",
        ),
    ],
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="Directory to write the pipeline to; may be MODEL"
        ),
    ],
    component: Annotated[
        str, typer.Option("--component", "-c", help="Name of the component")
    ] = "crf_ner",
    plot: Annotated[
        Optional[Path],
        typer.Option("--plot", "-p", help="Reliability diagram to write: .png or .svg"),
    ] = None,
) -> None:
    """Fit the temperature of a pipeline's entity probabilities on annotated documents,
    and save it with the pipeline.

    Prints how far the probabilities could be relied on before and after, over ten
    groups of as many entities each: mean score, and the share that is correct. What
    the best analysis is does not depend on the temperature.
    """
    # Every `python -m spacy` process imports this file.
    from .calibrating import calibrate

    calibrate(model, dev, output, component, plot)
