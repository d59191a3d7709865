"""Annotate the rows of a shard with a pipeline."""

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

from spacy.language import Language
from spacy.tokens import Doc

from .outputs import Writer
from .plan import Piece
from .rows import Failure, Row, read_rows

# Says what a pipeline has found in documents, as columns.
Describe = Callable[[Sequence[Doc]], Sequence[Mapping[str, Any]]]
# Is told the number of documents and of words that have been annotated.
Report = Callable[[int, int], None]
_MOST_WORDS = 60_000
_MOST_DOCS = 5_000


class FailedDocumentError(ValueError):
    """A document could not be annotated, and the run is to stop."""


class Counts(NamedTuple):
    """What there was in a shard.

    documents (int): How many were annotated.
    words (int): How many tokens they have.
    failures (Tuple[Failure, ...]): What could not be annotated, in the order of the
        rows.
    """

    documents: int
    words: int
    failures: Tuple[Failure, ...]


class _Item(NamedTuple):
    """A row, which one of its shard it is, and the document it has become."""

    position: int
    row: Row
    doc: Doc


class _Found(NamedTuple):
    """A row, its document after the pipeline, and what was found."""

    row: Row
    doc: Doc
    columns: Mapping[str, Any]


@dataclass
class _Failures:
    """Rows that failed, by their position."""

    stops: bool
    by_position: Dict[int, Failure]

    def add(self, position: int, failure: Failure) -> None:
        if self.stops:
            raise FailedDocumentError(
                f"{failure.name}, row {failure.number}: {failure.error}"
            )
        self.by_position[position] = failure

    def in_order(self) -> Tuple[Failure, ...]:
        return tuple(failure for _, failure in sorted(self.by_position.items()))


@dataclass(frozen=True)
class Annotator:
    """Annotates rows in batches, each of which fits into memory.

    nlp (Language): The pipeline.
    describe (Describe): Says what it has found.
    text_field (str): The column that has the text.
    stops (bool): Whether the first document that fails ends the run.
    """

    nlp: Language
    describe: Describe
    text_field: str
    stops: bool = False
    _knows_words: List[bool] = field(default_factory=list)

    def annotate(
        self, pieces: Iterable[Piece], writer: Writer, report: Report = lambda *_: None
    ) -> Counts:
        """Annotate the rows of a shard.

        pieces (Iterable[Piece]): Where they are.
        writer (Writer): What gets the annotated rows, in their order.
        report (Report): Is called after each batch.
        RETURNS (Counts): What there was.
        RAISES (FailedDocumentError): If a document fails, and the run is to stop.
        RAISES (UnreadableError): If a file cannot be read.
        """
        failures = _Failures(self.stops, {})
        n_documents = n_words = 0
        with self._memory():
            for batch in _batches(self._items(pieces, failures)):
                documents = words = 0
                for position, found in self._annotate(batch):
                    failed = _add(found, writer)
                    if failed is not None:
                        failures.add(position, failed)
                    elif isinstance(found, _Found):
                        documents, words = documents + 1, words + len(found.doc)
                n_documents, n_words = n_documents + documents, n_words + words
                report(documents, words)
        return Counts(n_documents, n_words, failures.in_order())

    @contextmanager
    def _memory(self) -> Iterator[None]:
        """Give back what the vocabulary learns in the context. It keeps the words of
        the first shard, most of which come again.
        """
        if not self._knows_words:
            yield
            self._knows_words.append(True)
            return
        with self.nlp.memory_zone():
            yield

    def _items(self, pieces: Iterable[Piece], failures: _Failures) -> Iterator[_Item]:
        rows = (row for each in pieces for row in self._read(each))
        for position, row in enumerate(rows):
            if isinstance(row, Failure):
                failures.add(position, row)
                continue
            try:
                doc = row.make_doc()
            except Exception as error:  # a tokenizer may be anybody's
                failures.add(position, _failure(row, error))
            else:
                yield _Item(position, row, doc)

    def _read(self, piece: Piece) -> Iterator[Union[Row, Failure]]:
        return read_rows(piece, self.text_field, self.nlp)

    def _annotate(
        self, batch: Sequence[_Item]
    ) -> Iterator[Tuple[int, Union[_Found, Failure]]]:
        """Annotate a batch. If it fails, its halves are tried, so that those are found
        that it is about.
        """
        try:
            docs = [item.doc for item in batch]
            docs = list(self.nlp.pipe(docs, batch_size=len(docs)))
            if len(docs) != len(batch):
                raise ValueError("the pipeline has left the document out")
            columns = self.describe(docs)
        except Exception as error:  # components may be anybody's
            if len(batch) == 1:
                yield batch[0].position, _failure(batch[0].row, error)
                return
            # Components may have changed the documents already.
            middle = len(batch) // 2
            for half in (batch[:middle], batch[middle:]):
                again = [item._replace(doc=item.row.make_doc()) for item in half]
                yield from self._annotate(again)
            return
        for item, doc, found in zip(batch, docs, columns, strict=True):
            yield item.position, _Found(item.row, doc, found)


def _batches(items: Iterable[_Item]) -> Iterator[List[_Item]]:
    batch: List[_Item] = []
    words = 0
    for item in items:
        if batch and (words + len(item.doc) > _MOST_WORDS or len(batch) == _MOST_DOCS):
            yield batch
            batch, words = [], 0
        batch.append(item)
        words += len(item.doc)
    if batch:
        yield batch


def _add(found: Union[_Found, Failure], writer: Writer) -> Optional[Failure]:
    if isinstance(found, Failure):
        return found
    try:
        taken = found.row.columns.keys() & found.columns.keys()
        if taken:
            names = ", ".join(map(repr, sorted(taken)))
            raise ValueError(f"{names} is a column of the annotation, see --prefix")
        writer.add(found.row.columns, found.columns, found.doc)
    except ValueError as error:
        return _failure(found.row, error)
    return None


def _failure(row: Row, error: Exception) -> Failure:
    text = f"{type(error).__name__}: {error}"
    return Failure(row.name, row.number, text, row.columns)
