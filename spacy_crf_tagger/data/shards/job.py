"""Annotate a shard, and write it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Mapping, Optional

from spacy.language import Language

from ..saving import replacing_file
from .annotation import Annotator, Counts, Report
from .folder import RunFolder
from .outputs import Writer, make_writer
from .plan import Shard, file_digest
from .receipts import Receipt
from .rows import Failure, read_rows

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Target:
    """Where and as what shards are written.

    folder (RunFolder): The folder.
    text_field (str): The column that has the text.
    shapes (Mapping[str, Any]): The shapes of the columns of the annotation.
    schema (Optional[Schema]): The columns that were there, for Parquet.
    """

    folder: RunFolder
    text_field: str
    shapes: Mapping[str, Any]
    schema: Optional["pa.Schema"] = None

    def writer(self) -> Writer:
        """RETURNS (Writer): A writer for a shard."""
        return make_writer(self.folder.kind, self.text_field, self.shapes, self.schema)

    def save(self, shard: Shard, writer: Writer, counts: Counts) -> Receipt:
        """Write the file of a shard, and then its receipt.

        shard (Shard): The shard.
        writer (Writer): What has its annotated rows.
        counts (Counts): What there was.
        RETURNS (Receipt): The receipt.
        RAISES (OSError): If they cannot be written.
        """
        path = self.folder.part(shard.number)
        with replacing_file(path) as temporary:
            writer.save(temporary)
            size, digest = temporary.stat().st_size, file_digest(temporary)
        receipt = Receipt(
            shard.number,
            shard.digest,
            counts.documents,
            counts.words,
            size,
            digest,
            counts.failures,
        )
        self.folder.write_receipt(receipt)
        return receipt


def annotate_shard(
    shard: Shard,
    annotator: Annotator,
    target: Target,
    report: Report = lambda *_: None,
) -> Receipt:
    """Annotate a shard, and write its file and its receipt.

    shard (Shard): The shard.
    annotator (Annotator): What annotates it.
    target (Target): Where it is written.
    report (Report): Is told how far it is.
    RETURNS (Receipt): The receipt.
    RAISES (FailedDocumentError): If a document fails, and the run is to stop.
    RAISES (UnreadableError): If an input cannot be read.
    RAISES (OSError): If the shard cannot be written.
    """
    writer = target.writer()
    counts = annotator.annotate(shard.pieces, writer, report)
    return target.save(shard, writer, counts)


def give_up_shard(shard: Shard, error: str, nlp: Language, target: Target) -> Receipt:
    """Write down that all rows of a shard have failed.

    shard (Shard): The shard.
    error (str): Why.
    nlp (Language): Any pipeline.
    target (Target): Where it is written.
    RETURNS (Receipt): The receipt.
    """
    failures = []
    for piece in shard.pieces:
        for row in read_rows(piece, target.text_field, nlp):
            failures.append(
                row
                if isinstance(row, Failure)
                else Failure(row.name, row.number, error, row.columns)
            )
    counts = Counts(0, 0, tuple(failures))
    return target.save(shard, target.writer(), counts)
