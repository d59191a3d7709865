"""Score the texts of a pool by how unsure a component is of them, and choose what to
annotate next from the scores, which are all that is kept of the pool.
"""

from array import array
from collections import Counter
from heapq import heappop, heappush
from random import Random
from typing import Counter as Counts
from typing import Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import LOWER
from spacy.language import Language
from spacy.tokens import Doc

from ..pipeline.documents import naming_document
from ..pipeline.errors import working
from .calibration import find_component
from .uncertainty import Measure, measure_uncertainty, shares_of_words

# The words of a text that count for diversity: those that it is most unsure about.
MOST_WORDS = 8
# A text costs as much as so many tokens, besides those that it has: somebody has to
# read into it.
OVERHEAD = 5.0


class Scored(NamedTuple):
    """How unsure a component is of a text.

    score (float): The measure.
    words (NDArray[uint64]): The words that it is unsure about, by their numbers.
    shares (NDArray[float64]): The share that each has in that.
    """

    score: float
    words: NDArray[np.uint64]
    shares: NDArray[np.float64]


class Chosen(NamedTuple):
    """A text to annotate.

    number (int): Its number in the pool.
    score (float): How much is expected of it, for its cost, when all before it are
        annotated.
    """

    number: int
    score: float


class Wanted(NamedTuple):
    """How much to choose.

    n_texts (Optional[int]): So many texts.
    n_tokens (Optional[int]): Or texts of so many tokens together, at most.
    """

    n_texts: Optional[int] = None
    n_tokens: Optional[int] = None


def score_docs(
    nlp: Language, name: str, docs: Iterable[Doc], measure: Measure
) -> Iterator[Scored]:
    """Find out how unsure a component is of texts, behind the components that come
    before it.

    nlp (Language): The pipeline.
    name (str): The name of the component, a `crf_ner` or `crf_tagger`.
    docs (Iterable[Doc]): The texts, which the components before annotate.
    measure (Measure): What is measured.
    YIELDS (Scored): The score of each.
    RAISES (ValueError): If there is no such component, or a text has no possible
        analysis.
    """
    name, component = find_component(nlp, name)
    not_before = nlp.pipe_names[nlp.pipe_names.index(name) :]
    ready = list(nlp.pipe(docs, disable=not_before))
    with working(name):
        for group, lattice in component.lattices(ready):
            with naming_document(group, component.advice):
                totals, by_token = measure_uncertainty(lattice, measure)
            parts = np.split(by_token, np.cumsum(lattice.lengths)[:-1])
            for doc, total, part in zip(group, totals.tolist(), parts, strict=True):
                words = doc.to_array([LOWER]).astype(np.uint64).reshape(-1)
                yield Scored(total, *shares_of_words(words, part, MOST_WORDS))


def random_score(random: Random) -> Scored:
    """Score a text at random.

    random (Random): The random numbers.
    RETURNS (Scored): A score, about no words.
    """
    return Scored(random.random(), np.zeros(0, dtype=np.uint64), np.zeros(0))


class ScoredPool:
    """The scores of texts: some numbers of each, in compact arrays, so that millions
    fit into memory.

    per_token (bool): Whether a score counts by what it costs to annotate the text.
    """

    def __init__(self, *, per_token: bool = True) -> None:
        self._per_token = per_token
        self._scores = array("d")
        self._n_tokens = array("l")
        self._texts = array("Q")
        self._words = array("Q")
        self._shares = array("f")
        self._word_ends = array("q", [0])

    def __len__(self) -> int:
        """RETURNS (int): The number of texts."""
        return len(self._scores)

    @property
    def n_tokens(self) -> int:
        """RETURNS (int): The number of tokens of all texts."""
        return sum(self._n_tokens)

    def add(self, scored: Scored, n_tokens: int, text: int) -> None:
        """Add a text.

        scored (Scored): How unsure a component is of it.
        n_tokens (int): The number of its tokens.
        text (int): A number that equal texts have, and no others.
        """
        cost = n_tokens + OVERHEAD if self._per_token else 1.0
        self._scores.append(scored.score / cost)
        self._n_tokens.append(n_tokens)
        self._texts.append(text)
        self._words.extend(scored.words.tolist())
        self._shares.extend(scored.shares.tolist())
        self._word_ends.append(len(self._words))

    def choose(self, wanted: Wanted, repeated: float) -> List[Chosen]:
        """Choose texts one by one, each time the one with the most left of its score:
        of what the model is unsure about because of a word, a part remains whenever a
        text is chosen that asks about the word already. Such sums have diminishing
        returns, for which this is nearly the best choice (Nemhauser, Wolsey and Fisher
        1978). No two have the same text.

        wanted (Wanted): How much to choose.
        repeated (float): The part that remains, from 0 to 1; 1 for no diversity.
        RETURNS (List[Chosen]): The texts, the best first. Fewer if there are not so
            many, or they do not fit.
        """
        seen: Counts[int] = Counter()
        texts: Set[int] = set()
        chosen: List[Chosen] = []
        left = wanted.n_tokens
        queue = _Queue(np.asarray(self._scores))
        while len(chosen) != wanted.n_texts and left != 0:
            number = queue.pop()
            if number is None:
                break
            is_over = left is not None and self._n_tokens[number] > left
            if is_over or self._texts[number] in texts:
                continue
            now = self._scores[number] * self._remaining(number, seen, repeated)
            if now < queue.most:
                queue.push(number, now)
                continue
            chosen.append(Chosen(number, now))
            texts.add(self._texts[number])
            seen.update(self._words_of(number))
            left = None if left is None else left - self._n_tokens[number]
        return chosen

    def _remaining(self, number: int, seen: Counts[int], repeated: float) -> float:
        """RETURNS (float): The part of a text's score that remains."""
        start, end = self._word_ends[number], self._word_ends[number + 1]
        gone = sum(
            self._shares[n] * (1.0 - repeated ** seen[self._words[n]])
            for n in range(start, end)
            if self._words[n] in seen
        )
        return max(1.0 - gone, 0.0)

    def _words_of(self, number: int) -> "array[int]":
        return self._words[self._word_ends[number] : self._word_ends[number + 1]]


class _Queue:
    """Texts by what is known of their scores, which can only fall: the best is the one
    that has not fallen behind what all others had at most (Minoux 1978).

    scores (NDArray[float64]): The scores at first.
    """

    def __init__(self, scores: NDArray[np.float64]) -> None:
        self._scores = scores
        self._order = np.argsort(-scores, kind="stable")
        self._next = 0
        # Those that have been looked at, which are few.
        self._fallen: List[Tuple[float, int]] = []

    @property
    def most(self) -> float:
        """RETURNS (float): The most that any text can have now."""
        return max(self._most_untouched, self._most_fallen)

    def pop(self) -> Optional[int]:
        """RETURNS (Optional[int]): The text that can have most, which is taken out;
        None if there is none.
        """
        if self._fallen and self._most_fallen >= self._most_untouched:
            return heappop(self._fallen)[1]
        if self._next == len(self._order):
            return None
        self._next += 1
        return int(self._order[self._next - 1])

    def push(self, number: int, score: float) -> None:
        """Put a text back.

        number (int): The text.
        score (float): What it has now.
        """
        heappush(self._fallen, (-score, number))

    @property
    def _most_untouched(self) -> float:
        is_left = self._next < len(self._order)
        return float(self._scores[self._order[self._next]]) if is_left else -np.inf

    @property
    def _most_fallen(self) -> float:
        return -self._fallen[0][0] if self._fallen else -np.inf
