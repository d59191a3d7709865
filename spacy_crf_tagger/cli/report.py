"""`spacy crf report`: how good a pipeline is, and where it fails."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, List, Optional

import typer
from spacy.cli._util import import_code
from tqdm import tqdm
from wasabi import msg

from ..data.saving import check_file, refuse_inside, replacing_file
from .errors import explained
from .loading import ModelArgument, load_pipeline, reading_files, use_gpu

if TYPE_CHECKING:
    from ..evaluation.report.model import Section

_CANT_WRITE = "Can't write the report"


def report_cli(
    model: ModelArgument,
    test: Annotated[
        Path,
        typer.Argument(
            metavar="TEST",
            help="Annotated .spacy file that the pipeline has not learned, or a folder "
            "of them",
        ),
    ],
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="Page to write, .html; or .md or .json for the same"
        ),
    ],
    train: Annotated[
        Optional[Path],
        typer.Option(
            "--train",
            "-t",
            help=".spacy file that the pipeline has learned, or a folder of them, to "
            "tell seen from unseen forms",
        ),
    ] = None,
    against: Annotated[
        Optional[str],
        typer.Option(
            "--against", "-a", metavar="MODEL", help="Pipeline to compare with"
        ),
    ] = None,
    samples: Annotated[
        int,
        typer.Option(
            "--samples",
            "-s",
            min=100,
            max=100_000,
            help="Test sets to draw, to find out how certain scores are",
        ),
    ] = 1000,
    gpu_id: Annotated[
        int, typer.Option("--gpu-id", "-g", help="GPU, or -1 for the CPU")
    ] = -1,
    code: Annotated[
        Optional[Path],
        typer.Option("--code", "-c", help="Python file that the pipeline needs"),
    ] = None,
) -> None:
    """Write a page that says how good a pipeline is, and where it fails: for the
    entities of any pipeline, and the tags of a crf_tagger.

    It has scores with their uncertainty, every kind of error in its sentence, which
    labels are taken for which, and what probabilities are worth.

    Example: python -m spacy crf report training/model-best test.spacy report.html
    """
    import_code(code)
    use_gpu(gpu_id)
    report(model, test, output, train=train, against=against, samples=samples)


def report(
    model: str,
    test: Path,
    output: Path,
    *,
    train: Optional[Path] = None,
    against: Optional[str] = None,
    samples: int = 1000,
) -> None:
    """Measure a pipeline, and write a report.

    model (str): Name of an installed pipeline package, or a path.
    test (Path): The annotated documents.
    output (Path): The file to write: `.html`, `.md` or `.json`.
    train (Optional[Path]): The documents that the pipeline has learned.
    against (Optional[str]): A pipeline to compare with.
    samples (int): How many test sets to draw.
    """
    # Loads what only some commands need.
    from ..evaluation.report.build import Pipeline, make_report
    from ..evaluation.report.page import check_format, render

    inputs: List[Path] = [test, *([train] if train is not None else [])]
    with explained(_CANT_WRITE, ValueError, OSError):
        check_format(output.suffix.lower())
        check_file(output, inputs)
        models = [Path(each) for each in (model, against) if each is not None]
        refuse_inside(output, [*models, *inputs])
    for path in inputs:
        if not path.exists():
            msg.fail("Documents not found", path, exits=1)
    pipeline = Pipeline(model, load_pipeline(model))
    other = None if against is None else Pipeline(against, load_pipeline(against))
    bar = partial(tqdm, unit="doc", disable=None, leave=False)
    msg.info(f"Analysing the documents of {test}")
    with explained("Can't report", ValueError), reading_files(test):
        made = make_report(
            pipeline,
            test,
            train=train,
            against=other,
            n_samples=samples,
            progress=bar,
        )
    with explained(_CANT_WRITE, OSError), replacing_file(output) as temporary:
        temporary.write_text(render(made, output.suffix.lower()), encoding="utf8")
    for section in made.sections:
        msg.text(f"{section.name}: {_summarise(section)}")
    msg.good(f"Saved report to {output}")


def _summarise(section: "Section") -> str:
    """RETURNS (str): The most important scores of a section, in percent."""
    score = section.overall
    shown = {"P": score.precision, "R": score.recall, "F": score.f}
    if section.unit == "tag":
        shown = {"accuracy": score.recall}
    return ", ".join(
        f"{name} {100 * value:.1f}"
        for name, value in shown.items()
        if value is not None
    )
