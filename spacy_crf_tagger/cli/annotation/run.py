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
from .job import Job, Worker
from .on_ray import require_ray, run_on_ray
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
    ray (Optional[str]): The address of a Ray cluster that annotates, if one does.
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
    ray: Optional[str] = None

    def annotate(self, n_processes: Optional[int], *, resume: bool) -> Dict[str, int]:
        """Annotate all inputs, or what is left to do.

        n_processes (Optional[int]): How many processes annotate. By default this one
            does, or as many as Ray finds room for.
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
        if self.ray is not None:
            require_ray()
        with (
            self.folder.locked(),
            opened_inputs(self.inputs, self.input_kind, self.folder) as inputs,
        ):
            with loading_pipeline(self.pipeline):
                worker = Worker(self._job())
            return self._annotate(worker, inputs, n_processes, resume)

    def _annotate(
        self,
        worker: Worker,
        inputs: List[Input],
        n_processes: Optional[int],
        resume: bool,
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
            report = progress.report
            receipts: Iterable[Receipt]
            if self.ray is not None:
                receipts = run_on_ray(
                    job, shards, self.ray, n_processes, shapes, report
                )
            elif n_processes in (None, 1):
                receipts = (worker.run(shard, report) for shard in shards)
            else:
                receipts = run_in_processes(job, shards, n_processes, shapes, report)
            for receipt in receipts:
                progress.finish(shards.size_of(receipt))
        return self.folder.end(plan, shards.count)

    def _job(self) -> Job:
        """RETURNS (Job): What to do, in terms that other processes know."""
        folder, path = self.folder, Path(self.pipeline)
        return Job(
            str(path.absolute()) if path.exists() else self.pipeline,
            replace(folder, path=folder.path.absolute()),
            self.settings,
            self.stops,
            self.gpu_id,
            None if self.code is None else self.code.absolute(),
        )


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
