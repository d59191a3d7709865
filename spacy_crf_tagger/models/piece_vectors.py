"""Vectors of the pieces of words, from which words that are in no table get a vector:
the mean over their pieces.

A beginning (`king`) has the vector that it has as a word. What a continuation (`##dom`)
has to add is fitted by ridge regression to words whose vectors are known, from what the
encoder makes of it alone, so that pieces that occur in none of these words have a
vector as well.
"""

import re
from itertools import count
from typing import (
    TYPE_CHECKING,
    Any,
    Collection,
    Dict,
    Iterable,
    List,
    NamedTuple,
    Sequence,
    Tuple,
)

import numpy as np
import torch
from numpy.typing import NDArray
from spacy.util import minibatch

from .piece_split import CONTINUED, PieceIndex
from .ridge import fit_ridge
from .word_pieces import Pieces, WordPieces, encode_pieces

if TYPE_CHECKING:
    from transformers.tokenization_utils_base import PreTrainedTokenizerBase

# What tokenizers write before pieces that begin a word: those of bytes, and
# SentencePiece. WordPiece marks what goes on with one.
_BEGIN_OF_BYTES, _BEGIN_OF_SENTENCES = "Ġ", "▁"
_MARKS = (CONTINUED, _BEGIN_OF_BYTES, _BEGIN_OF_SENTENCES)
_INVALID = "\ufffd"
_RESERVED = re.compile(r"\[unused\d+\]|<.*>")


class Inventory(NamedTuple):
    """The pieces of a tokenizer.

    beginnings (List[str]): What a word can begin with.
    continuations (Dict[str, int]): What it can go on with, and the number of that in
        the tokenizer.
    """

    beginnings: List[str]
    continuations: Dict[str, int]


NO_PIECES = Inventory([], {})


class PieceVectors(NamedTuple):
    """Vectors of continuations.

    vectors (NDArray[float32]): The vectors, [continuations, width].
    n_words (int): How many words they were fitted to.
    explained (float): The share of the variance between these words that the means over
        their pieces explain, of words that are held out.
    """

    vectors: NDArray[np.float32]
    n_words: int
    explained: float


def find_pieces(
    tokenizer: "PreTrainedTokenizerBase", words: Iterable[str]
) -> Inventory:
    """Find the pieces of a tokenizer that are written with the characters of words, in
    upper or lower case.

    tokenizer (PreTrainedTokenizerBase): The tokenizer of an encoder.
    words (Iterable[str]): The words.
    RETURNS (Inventory): The pieces; none if the tokenizer writes them in a way that is
        not known.
    """
    characters = {char for word in words for char in word + word.lower()}
    special = set(tokenizer.all_special_tokens)
    beginnings: List[str] = []
    continuations: Dict[str, int] = {}
    vocab = {
        piece: number
        for piece, number in sorted(tokenizer.get_vocab().items())
        if piece not in special and not _RESERVED.fullmatch(piece)
    }
    for piece, (text, is_beginning) in _read(vocab, tokenizer).items():
        if not text or not characters.issuperset(text):
            continue
        if is_beginning:
            beginnings.append(text)
        else:
            continuations[text] = vocab[piece]
    return Inventory(beginnings, continuations)


def _read(
    vocab: Collection[str], tokenizer: "PreTrainedTokenizerBase"
) -> Dict[str, Tuple[str, bool]]:
    """RETURNS (Dict[str, Tuple[str, bool]]): The text of each piece, and whether it is
    a beginning.
    """
    # By most pieces: vocabularies of bytes have "##" as a piece like any other.
    counts = {mark: sum(each.startswith(mark) for each in vocab) for mark in _MARKS}
    mark = max(counts, key=counts.__getitem__)
    if not counts[mark]:
        return {}
    found: Dict[str, Tuple[str, bool]] = {}
    for piece in vocab:
        text = piece.removeprefix(mark)
        if mark == _BEGIN_OF_BYTES:
            text = tokenizer.convert_tokens_to_string([piece]).lstrip(" ")
        if _INVALID not in text:
            found[piece] = text, piece.startswith(mark) != (mark == CONTINUED)
    return found


@torch.inference_mode()
def encode_continuations(
    continuations: Dict[str, int],
    tokenizer: "PreTrainedTokenizerBase",
    model: Any,
    batch_size: int,
    layers: Sequence[int] = (),
) -> NDArray[np.float32]:
    """Encode each continuation by itself.

    continuations (Dict[str, int]): Their numbers in the tokenizer.
    tokenizer (PreTrainedTokenizerBase): The tokenizer of the encoder.
    model (transformers.PreTrainedModel): The encoder.
    batch_size (int): How many are encoded at a time.
    layers (Sequence[int]): The layers, as of `encode_pieces`.
    RETURNS (NDArray[float32]): The states, [continuations, width of the encoder].
    """
    pieces = WordPieces(tokenizer)
    states = [np.zeros((0, model.config.hidden_size), np.float32)]
    for batch in minibatch(continuations.values(), batch_size):
        texts = [[Pieces((number,), (True,))] for number in batch]
        states.append(
            encode_pieces(texts, [[0]] * len(texts), pieces, model, layers).numpy()
        )
    return np.concatenate(states)


def fit_continuations(
    words: Sequence[str],
    vectors: NDArray[np.float32],
    inventory: Inventory,
    states: NDArray[np.float32],
) -> PieceVectors:
    """Find vectors of continuations with which the mean over the pieces of a word is
    near to the vector of the word. Each word that is no piece is split as if it were
    not known itself.

    words (Sequence[str]): Words, with all beginnings among them.
    vectors (NDArray[float32]): Their vectors, [words, width].
    inventory (Inventory): The pieces.
    states (NDArray[float32]): What the encoder makes of each by itself,
        [continuations, width of the encoder].
    RETURNS (PieceVectors): The vectors.
    """
    inputs = _with_constant(states.astype(np.float64))  # [continuations, inputs]
    continued = [CONTINUED + text for text in inventory.continuations]
    # Continuations have the numbers after those of words.
    index = PieceIndex(zip([*words, *continued], count()))
    beginnings = set(inventory.beginnings)
    own: List[int] = []
    known: List[NDArray[np.float64]] = []
    added: List[NDArray[np.float64]] = []
    for number, word in enumerate(words):
        if word in beginnings:
            continue
        numbers = index.split(word, without=word)
        rest = [each - len(words) for each in numbers if each >= len(words)]
        if rest:
            begun = [each for each in numbers if each < len(words)]
            own.append(number)
            known.append(vectors[begun].sum(axis=0, dtype=np.float64) / len(numbers))
            added.append(inputs[rest].sum(axis=0) / len(numbers))
    if not own:
        nothing = np.zeros((len(states), vectors.shape[1]), np.float32)
        return PieceVectors(nothing, 0, 0.0)
    targets = vectors[own].astype(np.float64)
    ridge = fit_ridge(np.array(added), targets - known, np.ones(len(own)))
    variance = float(np.square(targets - targets.mean(axis=0)).sum())
    explained = 1.0 - float(ridge.errors.sum()) / variance if variance else 0.0
    fitted = (inputs @ ridge.weights).astype(np.float32)
    return PieceVectors(fitted, len(own), explained)


def _with_constant(states: NDArray[np.float64]) -> NDArray[np.float64]:
    """RETURNS (NDArray[float64]): The states around their mean, and a number that is
    the same for all and so large that the regression hardly shrinks its weight.
    """
    centred = states - states.mean(axis=0)
    size = np.sqrt(np.square(centred).sum(axis=1).mean()) if len(states) else 1.0
    return np.hstack([centred, np.full((len(states), 1), size)])
