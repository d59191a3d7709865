"""`spacy crf annotate`: millions of texts, shard by shard."""

from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Dict, Iterator, List, Optional, Sequence, Union

import typer
from wasabi import msg

from ..data.shards.annotation import FailedDocumentError
from ..data.shards.folder import FAILED, OtherRunError, RunFolder
from ..data.shards.inputs import Kind
from ..data.shards.receipts import ChangedInputError
from ..data.source import UnreadableError
from .annotation.settings import Settings

SHARD_ROWS = 5000
FAILED_CODE = 2
_INTERRUPTED = 130


class OutputFormat(str, Enum):
    """What shards are written as."""

    jsonl = "jsonl"
    parquet = "parquet"
    spacy = "spacy"


class OnError(str, Enum):
    """What becomes of a document that fails."""

    keep = "keep"
    stop = "stop"


def annotate_cli(
    pipeline: Annotated[
        str,
        typer.Argument(
            metavar="PIPELINE", help="Name of an installed pipeline package, or a path"
        ),
    ],
    inputs: Annotated[
        List[str],
        typer.Argument(
            metavar="INPUT",
            help="Files, folders or patterns of .txt (a text on each line), .jsonl, "
            ".parquet or .spacy; - for standard input",
        ),
    ],
    output: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help="Folder to write shards to")
    ],
    output_format: Annotated[
        OutputFormat, typer.Option("--format", "-f", help="What to write")
    ] = OutputFormat.jsonl,
    input_format: Annotated[
        Optional[Kind],
        typer.Option("--input-format", help="What inputs are, if names do not tell"),
    ] = None,
    text_field: Annotated[
        str, typer.Option("--text-field", "-t", help="Column that has the text")
    ] = "text",
    processes: Annotated[
        Optional[int],
        typer.Option(
            "--processes",
            "-n",
            min=1,
            help="Processes that annotate; by default one, or as many as Ray has room "
            "for",
        ),
    ] = None,
    ray: Annotated[
        Optional[str],
        typer.Option(
            "--ray",
            metavar="ADDRESS",
            help="Ray cluster that annotates: local, auto or an address",
        ),
    ] = None,
    top_k: Annotated[
        int,
        typer.Option("--top-k", "-k", min=0, help="Analyses of each document to add"),
    ] = 0,
    min_probability: Annotated[
        Optional[float],
        typer.Option(
            "--min-probability",
            "-m",
            help="Also add all spans that are more probable, predicted or not",
        ),
    ] = None,
    prefix: Annotated[
        str, typer.Option("--prefix", help="What names of new columns start with")
    ] = "",
    shard_rows: Annotated[
        int, typer.Option("--shard-rows", min=1, help="Rows of a shard")
    ] = SHARD_ROWS,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume/--no-resume", help="Go on with what is in OUTPUT, or do it anew"
        ),
    ] = True,
    on_error: Annotated[
        OnError,
        typer.Option(
            "--on-error",
            help="Keep a document that fails in failed.jsonl, or stop",
        ),
    ] = OnError.keep,
    gpu_id: Annotated[
        int, typer.Option("--gpu-id", "-g", help="GPU, or -1 for the CPU")
    ] = -1,
    code: Annotated[
        Optional[Path],
        typer.Option("--code", "-c", help="Python file that the pipeline needs"),
    ] = None,
) -> None:
    """Annotate any number of texts with any pipeline of spaCy, and write entities with
    their offsets, labels and probabilities, tags, and the columns that were there.

    OUTPUT is a folder of shards, each of which appears whole. A run that was killed, or
    whose disk was full, goes on where it was if you start it again. Documents that fail
    are written to failed.jsonl, with their error, and the command then ends with exit
    code 2.
    """
    summary = annotate(
        pipeline,
        inputs,
        output,
        output_format=output_format,
        input_format=input_format,
        text_field=text_field,
        processes=processes,
        ray=ray,
        top_k=top_k,
        min_probability=min_probability,
        prefix=prefix,
        shard_rows=shard_rows,
        resume=resume,
        on_error=on_error,
        gpu_id=gpu_id,
        code=code,
    )
    if summary.failed:
        raise typer.Exit(FAILED_CODE)


@dataclass(frozen=True)
class Summary:
    """What there is in the folder of a run at its end.

    shards (int): How many files.
    documents (int): How many annotated documents.
    words (int): How many tokens they have.
    failed (int): How many rows failed.
    """

    shards: int
    documents: int
    words: int
    failed: int


def annotate(
    pipeline: Union[str, Path],
    inputs: Sequence[Union[str, Path]],
    output: Path,
    *,
    output_format: OutputFormat = OutputFormat.jsonl,
    input_format: Optional[Kind] = None,
    text_field: str = "text",
    processes: Optional[int] = None,
    ray: Optional[str] = None,
    top_k: int = 0,
    min_probability: Optional[float] = None,
    prefix: str = "",
    shard_rows: int = SHARD_ROWS,
    resume: bool = True,
    on_error: OnError = OnError.keep,
    gpu_id: int = -1,
    code: Optional[Path] = None,
) -> Summary:
    """Annotate texts, and write them to a folder of shards.

    pipeline (Union[str, Path]): The name of a package, or a path.
    inputs (Sequence[Union[str, Path]]): Files, folders or patterns; "-" for standard
        input.
    output (Path): The folder.
    output_format (OutputFormat): What to write.
    input_format (Optional[Kind]): What inputs are, if their names do not tell.
    text_field (str): The column that has the text.
    processes (Optional[int]): How many processes annotate. By default this one does, or
        as many as Ray has room for.
    ray (Optional[str]): The address of a Ray cluster that annotates, as `ray.init`
        takes it: "local" for one on this machine.
    top_k (int): How many analyses of each document to add.
    min_probability (Optional[float]): Also add all spans that are more probable.
    prefix (str): What the names of new columns start with.
    shard_rows (int): How many rows a shard has.
    resume (bool): Whether to go on with what is in the folder.
    on_error (OnError): What becomes of a document that fails.
    gpu_id (int): The GPU, or -1 for the CPU.
    code (Optional[Path]): A Python file with functions that the pipeline refers to.
    RETURNS (Summary): What there is in the folder now.
    """
    from .annotation.run import Run

    if min_probability is not None and not 0.0 < min_probability < 1.0:
        msg.fail("--min-probability must be above 0 and below 1", exits=1)
    run = Run(
        pipeline=str(pipeline),
        inputs=[str(each) for each in inputs],
        folder=RunFolder(output, Kind(output_format.value)),
        input_kind=input_format,
        settings=Settings(text_field, top_k, min_probability, prefix),
        shard_rows=shard_rows,
        stops=on_error is OnError.stop,
        gpu_id=gpu_id,
        code=code,
        ray=ray,
    )
    with _explained(output):
        totals = run.annotate(processes, resume=resume)
    _report(totals, output)
    return Summary(**totals)


@contextmanager
def _explained(output: Path) -> Iterator[None]:
    """End the command with a message if a run cannot go on."""
    try:
        yield
    except UnreadableError as error:
        msg.fail(f"Can't read {error.path}: {error}", exits=1)
    except ChangedInputError as error:
        text = f"{error}. Pass --no-resume to annotate all of it anew"
        msg.fail(f"Can't go on in {output}", text, exits=1)
    except OtherRunError as error:
        msg.fail(f"Can't write to {output}", error, exits=1)
    except FailedDocumentError as error:
        text = f"{error}. What was annotated before stays in {output}"
        msg.fail("Stopped at a document that fails (--on-error stop)", text, exits=1)
    except OSError as error:
        text = f"{error}. What is there stays; the same command goes on with it"
        msg.fail(f"Can't annotate into {output}", text, exits=1)
    except ValueError as error:
        msg.fail("Can't annotate", error, exits=1)
    except KeyboardInterrupt:
        msg.warn(f"Stopped. The same command goes on in {output}")
        raise SystemExit(_INTERRUPTED) from None


def _report(totals: Dict[str, int], output: Path) -> None:
    text = (
        f"{totals['documents']:,} documents with {totals['words']:,} words in "
        f"{totals['shards']:,} shards in {output}"
    )
    if totals["failed"]:
        msg.warn(f"{text}; {totals['failed']:,} failed, see {output / FAILED}")
    else:
        msg.good(text)
