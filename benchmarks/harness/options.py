"""Options that several benchmarks have."""

from pathlib import Path
from typing import Annotated

import typer

CorpusName = Annotated[str, typer.Argument(help="Name of the corpus")]
Threads = Annotated[int, typer.Option(help="Threads of torch")]
Rounds = Annotated[int, typer.Option(help="Times that each is measured")]
Work = Annotated[Path, typer.Option(help="Folder with models")]
TakeOver = Annotated[
    bool, typer.Option("--take-over", help="Believe the committed result about ner")
]
PlotOnly = Annotated[
    bool, typer.Option("--plot-only", help="Draw the committed result, measure nothing")
]
