"""What a process is told of a run, and what it makes of that."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping, Optional

import spacy
from spacy.language import Language
from spacy.util import import_file

from ...data.shards.annotation import Annotator, Report
from ...data.shards.folder import RunFolder
from ...data.shards.job import Target, annotate_shard, give_up_shard
from ...data.shards.plan import Shard
from ...data.shards.receipts import Receipt
from .columns import Columns
from .settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Job:
    """A run, as it is passed to processes.

    pipeline (str): The name of a package, or a path.
    folder (RunFolder): Where shards are written.
    settings (Settings): What is written.
    stops (bool): Whether the first document that fails ends the run.
    gpu_id (int): The GPU, or -1 for none.
    code (Optional[Path]): A Python file with functions that the pipeline refers to.
    schema (Optional[Schema]): The columns that are there, for Parquet.
    """

    pipeline: str
    folder: RunFolder
    settings: Settings
    stops: bool = False
    gpu_id: int = -1
    code: Optional[Path] = None
    schema: Optional["pa.Schema"] = None


class Worker:
    """Annotates shards one after another with a pipeline of its own.

    job (Job): What to do.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        if job.code is not None:
            import_file("python_code", job.code)
        if job.gpu_id >= 0:
            spacy.require_gpu(job.gpu_id)  # type: ignore[attr-defined]
        self.nlp: Language = spacy.load(job.pipeline)

    @cached_property
    def columns(self) -> Columns:
        """RETURNS (Columns): The columns that the pipeline fills.

        RAISES (ValueError): If it cannot be asked for what is wanted.
        """
        settings = self.job.settings
        return Columns(
            self.nlp,
            top_k=settings.top_k,
            min_probability=settings.min_probability,
            prefix=settings.prefix,
        )

    @cached_property
    def _annotator(self) -> Annotator:
        settings = self.job.settings
        text_field, stops = settings.text_field, self.job.stops
        return Annotator(self.nlp, self.columns, text_field, stops)

    @cached_property
    def _target(self) -> Target:
        return target_of(self.job, self.columns.shapes)

    def run(self, shard: Shard, report: Report = lambda *_: None) -> Receipt:
        """Annotate a shard, and write its file and its receipt.

        shard (Shard): The shard.
        report (Report): Is told how far it is.
        RETURNS (Receipt): The receipt.
        """
        return annotate_shard(shard, self._annotator, self._target, report)


def target_of(job: Job, shapes: Mapping[str, Any]) -> Target:
    """RETURNS (Target): Where and as what shards are written."""
    return Target(job.folder, job.settings.text_field, shapes, job.schema)


def give_up(job: Job, shapes: Mapping[str, Any], shard: Shard, error: str) -> Receipt:
    """Write down that all rows of a shard have failed.

    job (Job): The run.
    shapes (Mapping[str, Any]): The shapes of the columns of the annotation.
    shard (Shard): The shard.
    error (str): Why.
    RETURNS (Receipt): The receipt.
    """
    return give_up_shard(shard, error, spacy.blank("xx"), target_of(job, shapes))
