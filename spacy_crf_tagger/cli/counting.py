"""Count the words of texts for clusters."""

from contextlib import nullcontext
from pathlib import Path
from typing import Callable, Dict, Iterable, Iterator, Optional, Sequence, Union

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import ORTH
from spacy.language import Language
from spacy.tokens import Doc

from ..clusters.bigrams import BOUNDARY, BigramCounter
from ..data.shards.inputs import Input
from ..data.shards.plan import Shard, cut_into_shards
from ..data.shards.rows import Failure, Row, read_rows
from ..data.source import UnreadableError

_ROWS = 5000
_MOST_KEPT = 500_000  # words in the vocabulary before it forgets those of a shard
_DROPPED = -1
_NOTHING = 0  # spaCy's hash of a text without characters


class TextCounter:
    """Counts the words of texts as the tokenizer of a pipeline splits them. White space
    is no word. The boundary of a sentence is the end of a text.

    nlp (Language): The pipeline.
    text_field (str): The column that has the text.
    lower (bool): Whether words count as in lower case.
    """

    def __init__(self, nlp: Language, text_field: str, *, lower: bool = False) -> None:
        self.counter = BigramCounter()
        self.n_failures = 0
        self.first_failure: Optional[Failure] = None
        self.n_texts = 0
        self.n_tokens = 0
        self._nlp = nlp
        self._text_field = text_field
        self._lower = lower
        # By the hash that spaCy has of a word.
        self._numbers: Dict[int, int] = {_NOTHING: BOUNDARY}

    def count(
        self, inputs: Sequence[Input], report: Callable[[int], None] = lambda _: None
    ) -> None:
        """Count the words of files, whose texts are not kept.

        inputs (Sequence[Input]): The files.
        report (Callable[[int], None]): Is told how many bytes more have been read.
        RAISES (UnreadableError): If a file cannot be read.
        """
        for shard in cut_into_shards(inputs, _ROWS):
            # To make what spaCy knows of a word takes longer than all else.
            is_full = len(self._nlp.vocab) > _MOST_KEPT
            with self._nlp.memory_zone() if is_full else nullcontext():
                self._add(self._docs(shard))
            report(shard.size)

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

    def _add(self, docs: Iterable[Doc]) -> None:
        boundary = np.full(1, _NOTHING, dtype=np.uint64)
        parts = [part for doc in docs for part in (doc.to_array(ORTH), boundary)]
        if not parts:
            return
        found, positions = np.unique(np.concatenate(parts), return_inverse=True)
        known = np.asarray([self._number(key) for key in found.tolist()])
        numbers: NDArray[np.int64] = known[positions]
        numbers = numbers[numbers != _DROPPED]
        self.n_tokens += int(np.count_nonzero(numbers != BOUNDARY))
        self.counter.add(numbers)

    def _number(self, key: int) -> int:
        number = self._numbers.get(key)
        if number is None:
            word = self._nlp.vocab.strings[key]
            if word.isspace():
                number = _DROPPED
            else:
                number = self.counter.number(word.lower() if self._lower else word)
            self._numbers[key] = number
        return number
