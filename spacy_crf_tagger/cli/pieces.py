"""Vectors of the pieces of words, for `spacy crf vectors`."""

from typing import TYPE_CHECKING, Any, List, Sequence, Tuple

import numpy as np
from wasabi import msg

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers.tokenization_utils_base import PreTrainedTokenizerBase

    from ..models.piece_vectors import Inventory

# With fewer, a regression fits whatever there is.
_FEW_WORDS = 500


def find_pieces(
    tokenizer: "PreTrainedTokenizerBase", words: Sequence[str]
) -> "Inventory":
    """Find the pieces that a tokenizer splits words into, and warn if there are none.

    tokenizer (PreTrainedTokenizerBase): The tokenizer of the encoder.
    words (Sequence[str]): The words that are to have a vector.
    RETURNS (Inventory): The pieces.
    """
    from ..models.piece_split import CONTINUED
    from ..models.piece_vectors import find_pieces as find

    inventory = find(tokenizer, words)
    if not inventory.continuations:
        msg.warn(
            "There are no pieces of words",
            f"The tokenizer has none that start with {CONTINUED!r}, 'Ġ' or '▁' or go "
            "on with what does not. Words without a vector will count as average.",
        )
    return inventory


def add_pieces(
    known: Sequence[str],
    vectors: "NDArray[np.float32]",
    inventory: "Inventory",
    tokenizer: "PreTrainedTokenizerBase",
    model: Any,
    batch_size: int,
    layers: Sequence[int],
) -> "Tuple[List[str], NDArray[np.float32]]":
    """Add the vectors of continuations to those of words and beginnings, and print how
    much of a word its pieces tell.

    known (Sequence[str]): The words, with all beginnings among them.
    vectors (NDArray[float32]): Their vectors, [known, width].
    inventory (Inventory): The pieces.
    tokenizer (PreTrainedTokenizerBase): The tokenizer of the encoder.
    model (transformers.PreTrainedModel): The encoder.
    batch_size (int): How many pieces are encoded at a time.
    layers (Sequence[int]): The layers of the encoder that are averaged.
    RETURNS (Tuple[List[str], NDArray[float32]]): The keys, and their vectors,
        [keys, width]: words, continuations, and a mark that says that there are pieces.
    """
    from ..models.piece_split import CONTINUED, MARK
    from ..models.piece_vectors import encode_continuations, fit_continuations

    states = encode_continuations(
        inventory.continuations, tokenizer, model, batch_size, layers
    )
    fitted = fit_continuations(known, vectors, inventory, states)
    n_pieces = len(inventory.beginnings) + len(inventory.continuations)
    msg.info(
        f"{n_pieces:,} pieces give a vector to words that have none. They explain "
        f"{max(fitted.explained, 0.0):.0%} of how words differ"
    )
    if fitted.n_words < _FEW_WORDS:
        msg.warn(
            f"Only {fitted.n_words} words are made of several pieces",
            f"With fewer than {_FEW_WORDS} it is a guess what pieces add to a word. "
            "Give more words.",
        )
    keys = [*known, *(CONTINUED + text for text in inventory.continuations), MARK]
    nothing = np.zeros((1, vectors.shape[1]), np.float32)
    return keys, np.concatenate([vectors, fitted.vectors, nothing])
