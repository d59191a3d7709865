"""Static word vectors from an encoder of text, such as a BERT.

The method is that of Model2Vec (Tulkens and van Dongen 2024), without its weighting by
frequency, which serves sums of vectors. The library model2vec cannot be used: it
requires huggingface-hub 1.0 or later, and the transformers 4 of spacy-transformers an
earlier one.
"""

from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Iterable,
    List,
    NamedTuple,
    Sequence,
    Tuple,
)

import numpy as np
from numpy.typing import NDArray
from spacy.util import minibatch

from .word_pieces import WordPieces, encode_pieces

if TYPE_CHECKING:
    from transformers.tokenization_utils_base import PreTrainedTokenizerBase

# A tokenizer has one of these at least.
_OF_TOKENIZERS = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "tokenizer.model",
    "sentencepiece.bpe.model",
    "spiece.model",
    "tokenizer_config.json",
)
_INSTALL = 'Encoders need transformers: pip install "spacy-crf-tagger[transformers]"'


def load_encoder(path: Path) -> Tuple["PreTrainedTokenizerBase", Any]:
    """Load an encoder from a disk. Nothing is downloaded.

    path (Path): The directory with a Hugging Face model and its tokenizer. Of a model
        that has a decoder as well, only the encoder is used.
    RETURNS (Tuple[PreTrainedTokenizerBase, transformers.PreTrainedModel]): The
        tokenizer and the encoder.
    RAISES (ImportError): If transformers is not installed.
    RAISES (FileNotFoundError): If there is no such directory.
    RAISES (ValueError): If there is no encoder in it that can be loaded.
    """
    try:
        from transformers import AutoModel, AutoTokenizer
    except ImportError as error:
        raise ImportError(_INSTALL) from error
    # A name that is no directory would be looked up among what was once downloaded.
    if not path.is_dir():
        raise FileNotFoundError(f"There is no directory {path}.")
    # What transformers says of these is about names on a hub.
    if not (path / "config.json").is_file():
        raise ValueError("It is not the folder of a model: it has no config.json.")
    if not any((path / name).is_file() for name in _OF_TOKENIZERS):
        raise ValueError(
            "It has no tokenizer, which is in one of these files: "
            f"{', '.join(_OF_TOKENIZERS)}. Save the tokenizer to it as well."
        )
    # Files may be broken, or of a kind that needs another library.
    try:
        tokenizer = AutoTokenizer.from_pretrained(  # type: ignore[no-untyped-call]
            path, local_files_only=True
        )
        model = AutoModel.from_pretrained(path, local_files_only=True)
    except Exception as error:
        raise ValueError(str(error)) from error
    if model.config.is_encoder_decoder:
        model = model.get_encoder()
    return tokenizer, model.eval().float()


def embed_words(
    words: Iterable[str],
    tokenizer: "PreTrainedTokenizerBase",
    model: Any,
    batch_size: int = 256,
    progress: Callable[[Iterable[str]], Iterable[str]] = iter,
    layers: Sequence[int] = (),
) -> Tuple[List[str], NDArray[np.float32]]:
    """Encode each word by itself: the mean of layers over the pieces that the word is
    split into, without the tokens that the tokenizer adds.

    words (Iterable[str]): The words, one at least, and none twice.
    tokenizer (PreTrainedTokenizerBase): The tokenizer of the encoder.
    model (transformers.PreTrainedModel): The encoder.
    batch_size (int): How many words are encoded at a time.
    progress (Callable[[Iterable[str]], Iterable[str]]): Passes the words on one by one,
        such as a progress bar.
    layers (Sequence[int]): The layers, as of `encode_pieces`; the last one by default.
    RETURNS (Tuple[List[str], NDArray[float32]]): The words of which the tokenizer knows
        some piece, and their vectors, [words, width of the encoder].
    """
    by_length = sorted(words, key=lambda word: (len(word), word))
    pieces = WordPieces(tokenizer)
    known: List[str] = []
    vectors: List[NDArray[np.float32]] = []
    for batch in minibatch(progress(by_length), batch_size):
        of_batch = list(zip(batch, pieces.of(batch), strict=True))
        usable = [(word, own) for word, own in of_batch if any(own.is_known)]
        if usable:
            known.extend(word for word, _ in usable)
            texts = [[own] for _, own in usable]
            places = [[0]] * len(usable)
            states = encode_pieces(texts, places, pieces, model, layers)
            vectors.append(states.numpy())
    width = model.config.hidden_size
    return known, np.concatenate(vectors or [np.zeros((0, width), np.float32)])


class Components(NamedTuple):
    """The principal components of vectors.

    centre (NDArray[float32]): The mean of the vectors, [width of the encoder].
    axes (NDArray[float32]): The directions in which they vary most, as columns,
        [width of the encoder, components].
    size (float): The root of the mean square of all numbers of the projected vectors.
    """

    centre: NDArray[np.float32]
    axes: NDArray[np.float32]
    size: float

    def project(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Project vectors onto the components. A word without a vector, which spaCy
        takes as zeros, counts as the mean of those that the components were found in.

        vectors (NDArray[float32]): The vectors, [n, width of the encoder].
        RETURNS (NDArray[float32]): The projected vectors, [n, components].
        """
        projected = (vectors - self.centre) @ self.axes
        scaled: NDArray[np.float32] = projected / np.float32(self.size)
        return scaled


def principal_components(vectors: NDArray[np.float32], width: int) -> Components:
    """Find the directions in which vectors vary most. Projected onto them, their
    distances stay the same but for what is left out, and for a common factor: the root
    of the mean square of all numbers becomes 1, which a linear layer with Glorot's
    initial weights about keeps.

    vectors (NDArray[float32]): The vectors, [n, width of the encoder].
    width (int): How many components to keep, if there are as many: there are at most
        as many as the vectors are wide, and one less than there are vectors.
    RETURNS (Components): The components.
    RAISES (ValueError): If no two vectors differ.
    """
    n, n_dims = vectors.shape
    centre = vectors.mean(axis=0) if n else np.zeros(n_dims, np.float32)
    centred = vectors - centre
    if np.allclose(centred, 0.0, atol=1e-6):
        raise ValueError(
            "Principal components need at least two words with different encodings."
        )
    covariance = (centred.T @ centred).astype(np.float64)
    directions = np.linalg.eigh(covariance)[1][:, ::-1][:, : min(width, n_dims, n - 1)]
    # Which way an axis points is left to the library; this makes it a matter of data.
    largest = np.abs(directions).argmax(axis=0)
    directions = directions * np.sign(directions[largest, np.arange(len(largest))])
    axes = directions.astype(np.float32)
    return Components(centre, axes, float(np.sqrt(np.square(centred @ axes).mean())))
