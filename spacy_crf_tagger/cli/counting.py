"""Count the words of texts for clusters."""

from typing import Callable, Dict, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import ORTH
from spacy.language import Language
from spacy.tokens import Doc

from ..clusters.bigrams import BOUNDARY, BigramCounter
from ..data.shards.inputs import Input
from .text_reader import TextReader

_DROPPED = -1
_NOTHING = 0  # spaCy's hash of a text without characters


class TextCounter:
    """Counts the words of texts as the tokenizer of a pipeline splits them. White space
    is no word. The boundary of a sentence is the end of a text.

    nlp (Language): The pipeline.
    reader (TextReader): Reads the texts by this pipeline.
    lower (bool): Whether words count as in lower case.
    """

    def __init__(
        self, nlp: Language, reader: TextReader, *, lower: bool = False
    ) -> None:
        self.counter = BigramCounter()
        self.n_tokens = 0
        self._nlp = nlp
        self._reader = reader
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
        for docs in self._reader.read(inputs, report):
            self._add(docs)

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
