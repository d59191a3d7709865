"""What an encoder makes of words where they stand in texts, summed for each word.

Averages over many contexts say more of a word than the word alone does (Bommasani et
al. 2020; Gupta and Jaggi 2021).
"""

from collections import deque
from itertools import compress, islice
from typing import (
    TYPE_CHECKING,
    Any,
    Deque,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

import numpy as np
import torch
from numpy.typing import NDArray

from .word_pieces import Pieces, WordPieces, encode_pieces

if TYPE_CHECKING:
    from transformers.tokenization_utils_base import PreTrainedTokenizerBase

_MOST_PIECES = 256  # in a window
_WAITING = 512  # windows, from which batches of about the same length are made
_MOST_OTHERS = 10_000
_FIRST_ROWS = 1024


class Contexts(NamedTuple):
    """Words in context.

    words (List[str]): The words that occur.
    means (NDArray[float32]): The mean of each word's states, [words, width].
    counts (NDArray[int64]): Over how many occurrences it was taken.
    spread (Optional[float]): The variance of the states of a word from occurrence to
        occurrence, summed over the dimensions and averaged over words; None where no
        word occurs twice.
    """

    words: List[str]
    means: NDArray[np.float32]
    counts: NDArray[np.int64]
    spread: Optional[float]

    def frequent(self, min_count: Optional[int]) -> Set[str]:
        """RETURNS (Set[str]): The words that occur so many times; none of them if that
        is None.
        """
        if min_count is None:
            return set()
        return set(compress(self.words, self.counts >= min_count))

    def of(self, words: Sequence[str]) -> Tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Look words up.

        words (Sequence[str]): The words.
        RETURNS (Tuple[NDArray[float32], NDArray[int64]]): Their means, of zeros where a
            word does not occur, [words, width], and over how many occurrences, [words].
        """
        row_of = {word: row for row, word in enumerate(self.words)}
        found = [
            (place, row_of[word]) for place, word in enumerate(words) if word in row_of
        ]
        places, rows = np.asarray(found, dtype=np.int64).reshape(-1, 2).T
        means = np.zeros((len(words), self.means.shape[1]), dtype=np.float32)
        counts = np.zeros(len(words), dtype=np.int64)
        means[places], counts[places] = self.means[rows], self.counts[rows]
        return means, counts


class _Window(NamedTuple):
    """A part of a text.

    words (List[Pieces]): The pieces of its words.
    taken (List[Tuple[int, int]]): The words whose states are taken, each as its place
        in the window and its row in the sums.
    """

    words: List[Pieces]
    taken: List[Tuple[int, int]]

    @property
    def size(self) -> int:
        return sum(len(word.ids) for word in self.words)


class ContextReader:
    """Reads texts by an encoder, and sums up the states of each word. It holds no more
    than these sums and some windows of text.

    tokenizer (PreTrainedTokenizerBase): The tokenizer of the encoder.
    model (transformers.PreTrainedModel): The encoder.
    wanted (Optional[Iterable[str]]): The words that states are looked for. Others are
        taken along where they stand beside these, up to 10,000 of them. None looks for
        all words.
    most (int): How many occurrences of a word are taken, the first ones. A part of a
        text without a wanted word that has fewer is not encoded.
    layers (Sequence[int]): The layers that are averaged, as of `encode_pieces`.
    batch_size (int): About how many pieces are encoded at a time.
    """

    def __init__(
        self,
        tokenizer: "PreTrainedTokenizerBase",
        model: Any,
        wanted: Optional[Iterable[str]],
        most: int,
        layers: Sequence[int] = (),
        batch_size: int = 4096,
    ) -> None:
        self.n_words = 0
        self.n_encoded = 0  # words in windows that were encoded
        self._pieces = WordPieces(tokenizer)
        self._model = model
        self._wanted = None if wanted is None else frozenset(wanted)
        self._most = most
        self._layers = layers
        self._batch_size = batch_size
        self._room = self._pieces.room_in(model, _MOST_PIECES)
        self._rows: Dict[str, int] = {}
        self._n_others = 0
        self._counts: List[int] = []
        self._sums = torch.zeros(0, 0)
        self._squares = 0.0
        self._waiting: Deque[_Window] = deque()

    def read(self, texts: Iterable[Sequence[str]]) -> None:
        """Read texts. Call `finish` after the last ones.

        texts (Iterable[Sequence[str]]): The words of each text.
        """
        for text in texts:
            self.n_words += len(text)
            for words, pieces in self._cut(text):
                taken = self._choose(words, pieces)
                if taken:
                    self._waiting.append(_Window(pieces, taken))
                    self.n_encoded += len(words)
            if len(self._waiting) >= _WAITING:
                self._encode_waiting()

    def finish(self) -> Contexts:
        """RETURNS (Contexts): What was read."""
        self._encode_waiting()
        counts = np.asarray(self._counts, dtype=np.int64)
        sums = self._sums[: len(counts)].double().numpy()
        means = sums / counts[:, None]
        within = self._squares - float((means * sums).sum())
        n_free = int((counts - 1).sum())
        spread = max(within, 0.0) / n_free if n_free else None
        return Contexts(list(self._rows), means.astype(np.float32), counts, spread)

    def _cut(self, text: Sequence[str]) -> Iterator[Tuple[List[str], List[Pieces]]]:
        """Cut a text into parts that the encoder can read at once."""
        words: List[str] = []
        pieces: List[Pieces] = []
        size = 0
        for word, own in zip(text, self._pieces.of(text), strict=True):
            if size + len(own.ids) > self._room:
                yield words, pieces
                words, pieces, size = [], [], 0
            words.append(word)
            pieces.append(own)
            size += len(own.ids)
        if words:
            yield words, pieces

    def _choose(
        self, words: Sequence[str], pieces: Sequence[Pieces]
    ) -> List[Tuple[int, int]]:
        """RETURNS (List[Tuple[int, int]]): Which words of a window are taken, if it is
        encoded, and the rows of their sums. They count as taken.
        """
        known = [place for place, own in enumerate(pieces) if any(own.is_known)]
        if not any(self._lacks(words[place]) for place in known):
            return []
        taken: List[Tuple[int, int]] = []
        for place in known:
            row = self._row_of(words[place])
            if row is not None and self._counts[row] < self._most:
                self._counts[row] += 1
                taken.append((place, row))
        return taken

    def _lacks(self, word: str) -> bool:
        if self._wanted is not None and word not in self._wanted:
            return False
        row = self._rows.get(word)
        return row is None or self._counts[row] < self._most

    def _row_of(self, word: str) -> Optional[int]:
        row = self._rows.get(word)
        if row is None:
            if self._wanted is not None and word not in self._wanted:
                if self._n_others >= _MOST_OTHERS:
                    return None
                self._n_others += 1
            row = self._rows[word] = len(self._rows)
            self._counts.append(0)
        return row

    def _encode_waiting(self) -> None:
        windows = sorted(self._waiting, key=lambda window: window.size)
        self._waiting.clear()
        rest = deque(windows)
        while rest:
            # Windows are padded to the longest, which is the last.
            n = next(
                n
                for n in range(len(rest), 0, -1)
                if n == 1 or n * rest[n - 1].size <= self._batch_size
            )
            self._add(list(islice(rest, n)))
            for _ in range(n):
                rest.popleft()

    def _add(self, windows: Sequence[_Window]) -> None:
        states = encode_pieces(
            [window.words for window in windows],
            [[place for place, _ in window.taken] for window in windows],
            self._pieces,
            self._model,
            self._layers,
        )
        rows = torch.tensor([row for window in windows for _, row in window.taken])
        self._grow(states.shape[1])
        self._sums.index_add_(0, rows, states)
        self._squares += float(states.double().square().sum())

    def _grow(self, width: int) -> None:
        n, wanted = len(self._sums), len(self._rows)
        if n < wanted:
            grown = torch.zeros(max(wanted, 2 * n, _FIRST_ROWS), width)
            if n:
                grown[:n] = self._sums
            self._sums = grown
