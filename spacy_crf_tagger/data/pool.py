"""Read a pool of texts that are not annotated yet, as often as it is wanted."""

from array import array
from contextlib import nullcontext
from hashlib import blake2b
from typing import (
    AbstractSet,
    Callable,
    ContextManager,
    Dict,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

from spacy.language import Language
from spacy.pipeline import Sentencizer
from spacy.tokens import Doc, Span

from .shards.inputs import Input
from .shards.plan import Shard, cut_into_shards
from .shards.rows import Failure, Row, read_rows
from .source import UnreadableError

_SHARD_ROWS = 2000

# The number of a row in the pool, and of a sentence in it; 0 of a whole document.
Place = Tuple[int, int]


class PooledText(NamedTuple):
    """A text that could be annotated.

    place (Tuple[int, int]): Where it is.
    doc (Doc): The text, in tokens, with starts of sentences if somebody has set them,
        and without annotation.
    annotated (Doc): The same, with the annotation that the pool has.
    """

    place: Place
    doc: Doc
    annotated: Doc


def text_number(text: str) -> int:
    """Number texts by what they say, whatever whitespace there is.

    text (str): The text.
    RETURNS (int): A number from 0 to 2**64 - 1.
    """
    digest = blake2b(" ".join(text.split()).encode("utf8"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


class Places:
    """Where texts are, in compact arrays."""

    def __init__(self) -> None:
        self._rows = array("q")
        self._sentences = array("l")

    def add(self, place: Place) -> None:
        """Add where the next text is.

        place (Tuple[int, int]): Where it is.
        """
        self._rows.append(place[0])
        self._sentences.append(place[1])

    def __getitem__(self, number: int) -> Place:
        """RETURNS (Tuple[int, int]): Where a text is."""
        return self._rows[number], self._sentences[number]


class Pool:
    """Texts in files, of which no more than a shard is in memory at any time.

    inputs (Sequence[Input]): The files.
    nlp (Language): The pipeline whose tokenizer makes documents.
    text_field (str): The column that has the text.
    by_sentence (bool): Whether each sentence is a text of its own.
    """

    def __init__(
        self,
        inputs: Sequence[Input],
        nlp: Language,
        *,
        text_field: str = "text",
        by_sentence: bool = False,
    ) -> None:
        self._inputs = inputs
        self._nlp = nlp
        self._text_field = text_field
        self._by_sentence = by_sentence

    @property
    def size(self) -> int:
        """RETURNS (int): About how many bytes there are."""
        return sum(each.size for each in self._inputs)

    def batches(
        self, report: Callable[[int], object] = lambda _: None
    ) -> Iterator[List[PooledText]]:
        """Read all texts. Those of a batch are gone when the next one comes.

        report (Callable[[int], object]): Is told how many bytes have been read.
        YIELDS (List[PooledText]): The texts, in their order.
        RAISES (UnreadableError): If something cannot be read.
        """
        # The words of the first shard are kept, since most of them come again.
        zone: Callable[[], ContextManager[object]] = nullcontext
        for first_row, shard in self._shards():
            with zone():
                rows = enumerate(self._rows(shard), start=first_row)
                yield [text for n, row in rows for text in self._texts(n, row)]
            report(shard.size)
            zone = self._nlp.memory_zone

    def find(self, places: AbstractSet[Place]) -> Dict[Place, PooledText]:
        """Read some of the texts again.

        places (AbstractSet[Tuple[int, int]]): Where they are.
        RETURNS (Dict[Tuple[int, int], PooledText]): The texts, which stay.
        RAISES (UnreadableError): If something cannot be read.
        """
        wanted = {row for row, _ in places}
        found: Dict[Place, PooledText] = {}
        for first_row, shard in self._shards():
            for number, row in enumerate(self._rows(shard), start=first_row):
                for text in self._texts(number, row) if number in wanted else ():
                    if text.place in places:
                        found[text.place] = text
        return found

    def _shards(self) -> Iterator[Tuple[int, Shard]]:
        """YIELDS (Tuple[int, Shard]): The number of the first row, and the shard."""
        first = 0
        for shard in cut_into_shards(self._inputs, _SHARD_ROWS):
            yield first, shard
            # There may be fewer, where lines are empty.
            first += _SHARD_ROWS

    def _rows(self, shard: Shard) -> Iterator[Row]:
        for piece in shard.pieces:
            for row in read_rows(piece, self._text_field, self._nlp):
                if isinstance(row, Failure):
                    raise UnreadableError(
                        f"{row.name}:{row.number}: {row.error}. Mend or leave out what "
                        "cannot be read"
                    )
                yield row

    def _texts(self, number: int, row: Row) -> Iterator[PooledText]:
        doc = row.make_doc()
        if not self._by_sentence:
            if len(doc):
                yield PooledText((number, 0), bare(doc), doc)
            return
        for n, sentence in enumerate(sentences_of(doc)):
            part = sentence.as_doc()
            if not part.text.isspace():
                yield PooledText((number, n), bare(part), part)


def sentences_of(doc: Doc) -> Iterator[Span]:
    """Divide a document into sentences: those that somebody has set, or else by
    punctuation.

    doc (Doc): The document, which gets starts of sentences if it has none.
    RETURNS (Iterator[Span]): Its sentences.
    """
    if not doc.has_annotation("SENT_START"):
        doc = Sentencizer()(doc)
    return iter(doc.sents)


def bare(doc: Doc) -> Doc:
    """Copy the text of a document.

    doc (Doc): The document.
    RETURNS (Doc): Its tokens, and starts of sentences, and nothing else.
    """
    starts: Optional[List[Union[bool, int, None]]] = None
    if doc.has_annotation("SENT_START"):
        starts = [token.is_sent_start for token in doc]
    return Doc(
        doc.vocab,
        words=[token.text for token in doc],
        spaces=[bool(token.whitespace_) for token in doc],
        sent_starts=starts,
    )
