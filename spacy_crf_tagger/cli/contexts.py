"""Word vectors from texts, for `spacy crf vectors --text`."""

import sys
from typing import TYPE_CHECKING, Any, List, NamedTuple, Optional, Sequence, Set, Tuple

import numpy as np
from spacy.language import Language
from wasabi import msg

from ..data.shards.inputs import Input, Kind
from .bars import progress_bar
from .loading import find_texts, reading_files
from .text_reader import TextReader

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers.tokenization_utils_base import PreTrainedTokenizerBase

    from ..models.word_contexts import Contexts

N_CONTEXTS = 20
# With fewer, a regression fits whatever there is.
_FEW_WORDS = 100


class Texts(NamedTuple):
    """Texts in which words are read.

    names (Sequence[str]): Files, folders or patterns.
    kind (Optional[Kind]): What they are, if their names do not tell.
    field (str): The column that has the text.
    n_contexts (int): How many occurrences of a word are read at most.
    min_count (Optional[int]): Words that occur so many times get a vector as well.
    """

    names: Sequence[str] = ()
    kind: Optional[Kind] = None
    field: str = "text"
    n_contexts: int = N_CONTEXTS
    min_count: Optional[int] = None

    def check(self) -> None:
        """End the command with an error if options do not fit together."""
        if self.min_count is None:
            return
        if not self.names:
            msg.fail("--text-words needs texts", "Name some by --text.", exits=1)
        if self.min_count > self.n_contexts:
            msg.fail(
                f"--text-words {self.min_count} is more than --contexts "
                f"{self.n_contexts}",
                "Words are counted as far as they are read.",
                exits=1,
            )

    def find(self) -> List[Input]:
        """RETURNS (List[Input]): The files."""
        return find_texts(self.names, self.kind)


NO_TEXTS = Texts()


def read_contexts(
    texts: Texts,
    inputs: Sequence[Input],
    wanted: Set[str],
    nlp: Language,
    tokenizer: "PreTrainedTokenizerBase",
    model: Any,
    layers: Sequence[int],
) -> "Contexts":
    """Read words in texts.

    texts (Texts): How.
    inputs (Sequence[Input]): The files of texts.
    wanted (Set[str]): The words that are looked for.
    nlp (Language): The pipeline whose tokenizer makes documents.
    tokenizer (PreTrainedTokenizerBase): The tokenizer of the encoder.
    model (transformers.PreTrainedModel): The encoder.
    layers (Sequence[int]): Its layers that are averaged.
    RETURNS (Contexts): The words in context.
    """
    # Only the tokenizer runs, which takes texts of any length.
    nlp.max_length = sys.maxsize
    # Loads torch.
    from ..models.word_contexts import ContextReader

    everything = None if texts.min_count is not None else wanted
    contexts = ContextReader(tokenizer, model, everything, texts.n_contexts, layers)
    reader = TextReader(nlp, texts.field)
    n_bytes = sum(each.size for each in inputs)
    with (
        reading_files(" ".join(texts.names)),
        progress_bar("Reading texts", n_bytes) as bar,
    ):
        for docs in reader.read(inputs, bar.update):
            contexts.read(
                [token.text for token in doc if not token.is_space] for doc in docs
            )
        found = contexts.finish()
    reader.warn_of_failures()
    msg.info(
        f"{contexts.n_words:,} words in {reader.n_texts:,} texts, "
        f"{contexts.n_encoded:,} of them read by the encoder"
    )
    return found


def put_in_context(
    known: Sequence[str],
    alone: "NDArray[np.float32]",
    contexts: "Contexts",
    words: Set[str],
    pieces: Set[str],
) -> "Tuple[List[str], NDArray[np.float32]]":
    """Put words in context, and print how well it can be told what they are there.

    known (Sequence[str]): Words, those in context among them.
    alone (NDArray[float32]): Their vectors alone, [known, width].
    contexts (Contexts): Those that occur in texts.
    words (Set[str]): The words that are to have a vector.
    pieces (Set[str]): What is to have one as well, as a piece of words.
    RETURNS (Tuple[List[str], NDArray[float32]]): These words and pieces, as far as they
        are known, and their vectors, [words and pieces, width].
    RAISES (ValueError): If no word occurs.
    """
    from ..models.context_regression import put_in_context as put

    means, counts = contexts.of(known)
    put_words = put(alone, means, counts, contexts.spread)
    own = [place for place, word in enumerate(known) if word in words]
    kept = [p for p, word in enumerate(known) if word in words or word in pieces]
    n_occur = int(np.count_nonzero(counts[own]))
    msg.info(
        f"{n_occur:,} of {len(own):,} words occur in the texts. What a word is alone "
        f"explains {max(put_words.explained, 0.0):.0%} of what it is in context, and "
        f"counts as {put_words.pseudo:.1f} occurrences"
    )
    if np.count_nonzero(counts) < _FEW_WORDS:
        msg.warn(
            f"Only {np.count_nonzero(counts)} words occur in the texts",
            f"With fewer than {_FEW_WORDS} it is a guess what the others would be in "
            "context. Give more text of your field, or leave --text out.",
        )
    return [known[place] for place in kept], put_words.vectors[kept]
