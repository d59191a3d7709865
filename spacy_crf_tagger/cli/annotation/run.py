"""A run: everything from the pipeline and the inputs to the folder of shards."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Optional

from ...data.shards.folder import RunFolder
from ...data.shards.inputs import Input, Kind
from ...data.shards.parquet import require_pyarrow
from ...data.shards.plan import Shard, cut_into_shards
from ...data.shards.receipts import Receipt
from ..loading import loading_pipeline
from .job import Job, Worker, give_up
from .plan import check_first_rows, describe_run, opened_inputs, schema_of
from .pool import run_in_processes
from .progress import Progress
from .settings import Settings


@dataclass(frozen=True)
class Run:
    """What a user wants to have annotated.

    pipeline (str): The name of a package, or a path.
    inputs (List[str]): Files, folders or patterns; "-" for standard input.
    folder (RunFolder): Where shards are written.
    settings (Settings): What is written of a row.
    shard_rows (int): How many rows a shard has.
    input_kind (Optional[Kind]): What inputs are, if their names do not tell.
    stops (bool): Whether the first document that fails ends the run.
    gpu_id (int): The GPU, or -1 for none.
    code (Optional[Path]): A Python file that the pipeline needs.
    """

    pipeline: str
    inputs: List[str]
    folder: RunFolder
    settings: Settings
    shard_rows: int
    input_kind: Optional[Kind] = None
    stops: bool = False
    gpu_id: int = -1
    code: Optional[Path] = None

    def annotate(self, n_processes: int, *, resume: bool) -> Dict[str, int]:
        """Annotate all inputs, or what is left to do.

        n_processes (int): How many processes annotate. One is this one.
        resume (bool): Whether to go on with what is in the folder.
        RETURNS (Dict[str, int]): How many shards, documents, words and failures there
            are in the folder now.
        RAISES (UnreadableError): If an input cannot be read.
        RAISES (ChangedInputError): If rows have changed that are done already.
        RAISES (OtherRunError): If the folder holds something else.
        RAISES (FailedDocumentError): If a document fails, and the run is to stop.
        RAISES (ValueError): If the pipeline cannot be asked for what is wanted.
        RAISES (OSError): If the folder cannot be written.
        """
        is_parquet = Kind.parquet in (self.folder.kind, self.input_kind)
        if is_parquet or any(name.endswith(".parquet") for name in self.inputs):
            require_pyarrow()
        with (
            self.folder.locked(),
            opened_inputs(self.inputs, self.input_kind, self.folder) as inputs,
        ):
            job = Job(
                self.pipeline,
                self.folder,
                self.settings,
                self.stops,
                self.gpu_id,
                self.code,
            )
            with loading_pipeline(self.pipeline):
                worker = Worker(job)
            return self._annotate(worker, inputs, n_processes, resume)

    def _annotate(
        self, worker: Worker, inputs: List[Input], n_processes: int, resume: bool
    ) -> Dict[str, int]:
        kind, shapes = self.folder.kind, worker.columns.shapes
        rows = check_first_rows(inputs, self.settings, shapes, self.shard_rows)
        if kind is Kind.parquet:
            worker.job = replace(worker.job, schema=schema_of(inputs, rows))
        plan = describe_run(
            worker.nlp, self.pipeline, inputs, self.settings, kind, self.shard_rows
        )
        self.folder.begin(plan, resume=resume)
        job = worker.job
        with Progress(sum(each.size for each in inputs)) as progress:
            shards = _Shards(self.folder, inputs, self.shard_rows, progress)
            if n_processes == 1:
                receipts: Iterable[Receipt] = (
                    worker.run(shard, progress.report) for shard in shards
                )
            else:
                del worker  # each process has its own

                def abandon(shard: Shard, error: str) -> Receipt:
                    return give_up(job, shapes, shard, error)

                receipts = run_in_processes(
                    job, shards, n_processes, abandon, progress.report
                )
            for receipt in receipts:
                progress.finish(shards.size_of(receipt))
        return self.folder.end(plan, shards.count)


class _Shards:
    """The shards that are left to do."""

    def __init__(
        self, folder: RunFolder, inputs: List[Input], n_rows: int, progress: Progress
    ) -> None:
        self.count = 0
        self._folder = folder
        self._inputs = inputs
        self._n_rows = n_rows
        self._progress = progress
        self._sizes: Dict[int, int] = {}

    def __iter__(self) -> Iterator[Shard]:
        for shard in cut_into_shards(self._inputs, self._n_rows):
            self.count += 1
            if self._folder.find_finished(shard) is None:
                self._sizes[shard.number] = shard.size
                yield shard
            else:
                self._progress.skip(shard.size)

    def size_of(self, receipt: Receipt) -> int:
        return self._sizes.pop(receipt.number)
