"""Read the documents of files of texts, however many there are."""

from contextlib import nullcontext
from pathlib import Path
from typing import Callable, Iterator, Optional, Sequence, Union

from spacy.language import Language
from spacy.tokens import Doc
from wasabi import msg

from ..data.shards.inputs import Input
from ..data.shards.plan import Shard, cut_into_shards
from ..data.shards.rows import Failure, Row, read_rows
from ..data.source import UnreadableError

_ROWS = 5000
_MOST_KEPT = 500_000  # words in the vocabulary before it forgets those of a shard


class TextReader:
    """Reads documents. Rows without a text are left out, and counted.

    nlp (Language): The pipeline whose tokenizer makes documents.
    text_field (str): The column that has the text.
    """

    def __init__(self, nlp: Language, text_field: str) -> None:
        self.n_failures = 0
        self.first_failure: Optional[Failure] = None
        self.n_texts = 0
        self._nlp = nlp
        self._text_field = text_field

    def read(
        self, inputs: Sequence[Input], report: Callable[[int], None] = lambda _: None
    ) -> Iterator[Iterator[Doc]]:
        """Read files, whose texts are not kept.

        inputs (Sequence[Input]): The files.
        report (Callable[[int], None]): Is told how many bytes more have been read.
        YIELDS (Iterator[Doc]): Some thousand documents, which are to be used up before
            the next ones: their words may be forgotten then.
        RAISES (UnreadableError): If a file cannot be read.
        """
        for shard in cut_into_shards(inputs, _ROWS):
            # To make what spaCy knows of a word takes longer than all else.
            is_full = len(self._nlp.vocab) > _MOST_KEPT
            with self._nlp.memory_zone() if is_full else nullcontext():
                yield self._docs(shard)
            report(shard.size)

    def warn_of_failures(self) -> None:
        """Print how many rows have no text, and why the first one has none."""
        first = self.first_failure
        if first is not None:
            msg.warn(
                f"{self.n_failures:,} rows without a text are left out",
                f"The first is {first.name}, row {first.number}: {first.error}",
            )

    def _docs(self, shard: Shard) -> Iterator[Doc]:
        for piece in shard.pieces:
            try:
                for row in read_rows(piece, self._text_field, self._nlp):
                    doc = self._make(row)
                    if doc is not None:
                        yield doc
            except UnreadableError as error:
                raise error.of(Path(piece.name)) from error

    def _make(self, row: "Union[Row, Failure]") -> "Doc | None":
        if isinstance(row, Row):
            self.n_texts += 1
            return row.make_doc()
        self.n_failures += 1
        self.first_failure = self.first_failure or row
        return None
