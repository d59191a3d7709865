"""`spacy crf distill`: train a pipeline on what others know."""

from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional, Sequence

import typer
from spacy.cli._util import (
    import_code,
    parse_config_overrides,
    show_validation_error,
)
from spacy.training.initialize import init_nlp
from spacy.util import load_config, load_model_from_config
from thinc.api import Config
from wasabi import msg

from ..data.saving import check_pipeline, refuse_inside
from ..data.shards.inputs import Kind
from .errors import explained
from .loading import find_texts, reading_files, use_gpu


def distill_cli(
    ctx: typer.Context,
    teacher: Annotated[
        str,
        typer.Argument(
            metavar="TEACHER",
            help="Name of an installed pipeline package, or a path; several, with "
            "commas between, teach together",
        ),
    ],
    student: Annotated[
        Path,
        typer.Argument(
            metavar="STUDENT_CONFIG", help="Config for training of the new pipeline"
        ),
    ],
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="Folder to write model-best and model-last to"
        ),
    ],
    more_teachers: Annotated[
        Optional[List[str]],
        typer.Option(
            "--teacher", "-T", help="Another teacher; may be given several times"
        ),
    ] = None,
    text: Annotated[
        Optional[List[str]],
        typer.Option(
            "--text",
            "-t",
            help="Texts without annotation to learn from as well: files, folders or "
            "patterns of .txt (a text on each line), .jsonl, .parquet or .spacy; may "
            "be given several times",
        ),
    ] = None,
    input_format: Annotated[
        Optional[Kind],
        typer.Option("--input-format", help="What texts are, if names do not tell"),
    ] = None,
    text_field: Annotated[
        str, typer.Option("--text-field", help="Column that has the text")
    ] = "text",
    weight: Annotated[
        float,
        typer.Option(
            "--weight",
            "-w",
            help="Share of the teacher in the loss, above 0; the rest is that of the "
            "annotation in the training corpus",
        ),
    ] = 1.0,
    temperature: Annotated[
        float,
        typer.Option(
            "--temperature",
            help="What the scores of teacher and student are divided by while they are "
            "compared",
        ),
    ] = 1.0,
    component: Annotated[
        Optional[str],
        typer.Option(
            "--component",
            "-c",
            help="Name of the component that learns; crf_ner, or else the only one "
            "that there is, if not given",
        ),
    ] = None,
    gpu_id: Annotated[
        int, typer.Option("--gpu-id", "-g", help="GPU, or -1 for the CPU")
    ] = -1,
    code: Annotated[
        Optional[Path],
        typer.Option(
            "--code", help="Python file with functions that the config refers to"
        ),
    ] = None,
) -> None:
    """Train a pipeline on what others know: the probabilities that they give to all
    analyses of a text, annotated or not. It is trained as by `spacy train`: by its
    config, whose settings can be replaced in the same way. Teachers without a component
    of its kind, such as those with spaCy's ner, teach what they annotate. Example:

    python -m spacy crf distill seed-0,seed-1,seed-2 config.cfg distilled --paths.train
    train.spacy --paths.dev dev.spacy --text more.jsonl
    """
    # Of Click, which Typer brings along in a copy that does not know it.
    with explained("Can't read the options", Exception):
        overrides = parse_config_overrides(ctx.args)
    import_code(code)
    distill(
        [*split_names(teacher), *(more_teachers or [])],
        student,
        output,
        overrides,
        texts=text or [],
        input_format=input_format,
        text_field=text_field,
        weight=weight,
        temperature=temperature,
        component=component,
        gpu_id=gpu_id,
    )


def split_names(names: str) -> List[str]:
    """RETURNS (List[str]): Names of pipelines with commas between; a path with a comma
    is one.
    """
    if Path(names).exists():
        return [names]
    return [name.strip() for name in names.split(",") if name.strip()]


def distill(
    teachers: Sequence[str],
    student: Path,
    output: Path,
    overrides: Optional[Dict[str, Any]] = None,
    *,
    texts: Sequence[str] = (),
    input_format: Optional[Kind] = None,
    text_field: str = "text",
    weight: float = 1.0,
    temperature: float = 1.0,
    component: Optional[str] = None,
    gpu_id: int = -1,
) -> None:
    """Train a pipeline on what others know, and write it to a folder.

    teachers (Sequence[str]): Names of installed pipeline packages, or paths.
    student (Path): The config for training.
    output (Path): The folder for `model-best` and `model-last`.
    overrides (Optional[Dict[str, Any]]): Values in the place of those in the config, by
        their names with dots.
    texts (Sequence[str]): Files, folders or patterns of texts without annotation.
    input_format (Optional[Kind]): What they are, if their names do not tell.
    text_field (str): The column that has the text.
    weight (float): The share of the teacher in the loss; the rest is that of the
        annotation.
    temperature (float): What scores are divided by while they are compared.
    component (Optional[str]): The name of the component that learns; None for
        `crf_ner`, or else the only one that there is.
    gpu_id (int): The GPU, or -1 for none.
    """
    # Every `python -m spacy` process imports this file: what needs more than spaCy is
    # imported where it is used.
    from ..evaluation.calibration import find_component
    from .distillation.loop import OUTPUTS, train
    from .distillation.student import add_labels, check_trained, give_labels
    from .distillation.teachers import load_teacher
    from .distillation.texts import read_texts

    _check_numbers(weight, temperature)
    files = find_texts(texts, input_format)
    inputs = [Path(name) for name in teachers]
    with explained("Can't write the pipeline", OSError):
        for name in OUTPUTS:
            check_pipeline(output / name, inputs)
            refuse_inside(output / name, inputs)
    use_gpu(gpu_id)
    config = _read_config(student, overrides or {})
    cant_distil = f"Can't distil into {student}"
    with explained(cant_distil, ValueError, OSError), show_validation_error(student):
        bare = load_model_from_config(config, auto_fill=True)
        name, pipe = find_component(bare, component)
        check_trained(bare, name)
        teacher = load_teacher(teachers, pipe, temperature)
        give_labels(config, bare, name, teacher.labels)
    msg.divider("Initializing pipeline")
    with explained(cant_distil, ValueError, OSError), show_validation_error(student):
        nlp = init_nlp(config, use_gpu=gpu_id)
        _, pipe = find_component(nlp, name)
        add_labels(pipe, config, teacher.labels)
    msg.good("Initialized pipeline")
    _warn_of_labels(pipe.labels, teacher.labels)
    with reading_files(" ".join(texts)):
        examples = read_texts(files, text_field, nlp)
    msg.info(f"Teachers of {name}: {', '.join(teachers)}")
    if texts:
        msg.info(f"Texts without annotation: {len(examples)}")
    msg.divider("Training pipeline")
    with (
        explained("Can't distil", ValueError, OSError),
        pipe.learning_from(teacher, weight),
    ):
        train(nlp, examples, output)
    msg.good(f"Saved {' and '.join(OUTPUTS)} to {output}")


def _check_numbers(weight: float, temperature: float) -> None:
    from ..crf.options import check_numbers
    from ..pipeline.student import DISTILLATION_TEMPERATURE, TEACHER_SHARE

    rules = {"--weight": TEACHER_SHARE, "--temperature": DISTILLATION_TEMPERATURE}
    with explained("Can't use the options", ValueError):
        check_numbers({"--weight": weight, "--temperature": temperature}, rules)


def _read_config(path: Path, overrides: Dict[str, Any]) -> Config:
    if not path.is_file():
        msg.fail(
            f"There is no config {path}",
            "Name the config for training of the new pipeline. (What makes word "
            "vectors from an encoder is `spacy crf vectors`.)",
            exits=1,
        )
    # Other files fail in whatever way they are parsed.
    with explained(f"Can't read {path}", Exception):
        return load_config(path, overrides=overrides, interpolate=False)


def _warn_of_labels(known: Sequence[str], taught: Sequence[str]) -> None:
    others = [label for label in known if label not in taught]
    if others:
        msg.warn(
            f"The teacher does not know {', '.join(others)}",
            "To it nothing is one of these labels. Let annotation count for more with "
            "a lower --weight, or leave them out.",
        )
