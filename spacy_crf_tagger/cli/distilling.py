"""Distil word vectors from an encoder, and tell the user what came of it.

The method is that of Model2Vec (Tulkens and van Dongen 2024), without its weighting by
frequency, which serves sums of vectors. The library model2vec is no option: it wants
huggingface-hub 1.0 or later, and the transformers 4 of spacy-transformers wants an
earlier one.
"""

from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterable, List, Optional, Set, Tuple

import numpy as np
import torch
from numpy.typing import NDArray
from spacy.strings import StringStore
from spacy.tokens import DocBin
from spacy.util import minibatch
from spacy.vectors import Vectors
from spacy.vocab import Vocab
from tqdm import tqdm
from wasabi import msg

from ..data.reading import decode, numbered_lines
from .loading import blank_pipeline, check_output, save_pipeline

if TYPE_CHECKING:
    from transformers.tokenization_utils_base import PreTrainedTokenizerBase

_INSTALL = 'pip install "spacy-crf-tagger[transformers]"'
# What is longer (links, encoded data) has to do with the beginning.
_MOST_PIECES = 64
_EXAMPLES = 10


def distill(
    encoder: Path,
    output: Path,
    docs: List[Path],
    word_list: Optional[Path],
    width: int,
    lang: str,
    batch_size: int,
) -> None:
    """Do what `spacy crf distill` does.

    encoder (Path): Directory of the encoder and its tokenizer.
    output (Path): Where to write the pipeline with the vectors.
    docs (List[Path]): Files of documents whose words get a vector.
    word_list (Optional[Path]): A text file with a word on each line.
    width (int): The width of the vectors.
    lang (str): The language of the pipeline.
    batch_size (int): How many words are encoded at a time.
    """
    inputs = [encoder, *docs] if word_list is None else [encoder, *docs, word_list]
    check_output(output, *inputs)
    nlp = blank_pipeline(lang)
    words = _collect_words(docs, word_list)
    tokenizer, model = _load_encoder(encoder)
    known, embedded = embed_words(words, tokenizer, model, batch_size)
    try:
        vectors = principal_components(embedded, width)
    except ValueError as error:
        msg.fail(f"Can't distil vectors from {encoder}", error, exits=1)
    nlp.vocab.vectors = Vectors(
        strings=StringStore(known),
        data=vectors,
        keys=known,
        name=f"{lang}_distilled.vectors",
    )
    _report(words, known, vectors.shape[1], width)
    save_pipeline(nlp, output)


def embed_words(
    words: Iterable[str],
    tokenizer: "PreTrainedTokenizerBase",
    model: Any,
    batch_size: int,
) -> Tuple[List[str], NDArray[np.float32]]:
    """Encode each word by itself: the mean of the last layer over the pieces that the
    word is split into, without the tokens that the tokenizer adds.

    words (Iterable[str]): The words, one at least, and none twice.
    tokenizer (PreTrainedTokenizerBase): The tokenizer of the encoder.
    model (transformers.PreTrainedModel): The encoder.
    batch_size (int): How many words are encoded at a time.
    RETURNS (Tuple[List[str], NDArray[float32]]): The words of which the tokenizer knows
        some piece, and their vectors, [words, width of the encoder].
    """
    by_length = sorted(words, key=lambda word: (len(word), word))
    known: List[str] = []
    vectors: List[NDArray[np.float32]] = []
    with tqdm(total=len(by_length), unit="word", disable=None) as progress:
        for batch in minibatch(by_length, batch_size):
            is_known, of_batch = _embed(batch, tokenizer, model)
            known.extend(compress(batch, is_known))
            vectors.append(of_batch)
            progress.update(len(batch))
    return known, np.concatenate(vectors)


def principal_components(
    vectors: NDArray[np.float32], width: int
) -> NDArray[np.float32]:
    """Take the mean out of vectors and project them onto the directions in which they
    vary most. Their distances stay the same but for what is left out, and for a common
    factor: the root of the mean square of all numbers becomes 1, which a linear layer
    with Glorot's initial weights about keeps. A word without a vector, which spaCy
    takes as zeros, counts as the mean.

    vectors (NDArray[float32]): The vectors, [n, width of the encoder].
    width (int): How many components to keep, if there are as many: there are at most
        as many as the vectors are wide, and one less than there are vectors.
    RETURNS (NDArray[float32]): The projected vectors, [n, components].
    RAISES (ValueError): If no two vectors differ.
    """
    n, n_dims = vectors.shape
    centred = vectors - vectors.mean(axis=0) if n else vectors
    if np.allclose(centred, 0.0, atol=1e-6):
        raise ValueError(
            "Principal components need two words or more that the encoder tells apart."
        )
    covariance = (centred.T @ centred).astype(np.float64)
    axes = np.linalg.eigh(covariance)[1][:, ::-1][:, : min(width, n_dims, n - 1)]
    # Which way an axis points is left to the library; this makes it a matter of data.
    largest = np.abs(axes).argmax(axis=0)
    axes = axes * np.sign(axes[largest, np.arange(axes.shape[1])])
    projected = centred @ axes.astype(np.float32)
    scaled: NDArray[np.float32] = projected / np.sqrt(np.square(projected).mean())
    return scaled


@torch.inference_mode()
def _embed(
    words: List[str], tokenizer: "PreTrainedTokenizerBase", model: Any
) -> Tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """RETURNS (Tuple): Which words have pieces, and the vectors of those."""
    batch = tokenizer(
        # By the space, tokenizers of bytes know words from endings of words.
        [f" {word}" for word in words],
        padding=True,
        truncation=True,
        max_length=_MOST_PIECES,
        return_attention_mask=True,
        return_special_tokens_mask=True,
        return_tensors="pt",
    )
    pieces, mask = batch["input_ids"], batch["attention_mask"]  # [words, pieces]
    is_own = batch["special_tokens_mask"] == 0
    if tokenizer.unk_token_id is not None:
        is_own &= pieces != tokenizer.unk_token_id
    sizes = is_own.sum(dim=1, keepdim=True)
    states = model(input_ids=pieces, attention_mask=mask).last_hidden_state
    sums = (states * is_own.unsqueeze(2)).sum(dim=1)
    is_known = sizes[:, 0] > 0
    return is_known.numpy(), (sums[is_known] / sizes[is_known]).numpy()


def _load_encoder(path: Path) -> Tuple["PreTrainedTokenizerBase", Any]:
    try:
        from transformers import AutoModel, AutoTokenizer
    except ImportError as error:
        msg.fail(f"Encoders need transformers: {_INSTALL}", error, exits=1)
    # A name that is no directory would be looked up among what was once downloaded.
    if not path.is_dir():
        msg.fail("Encoder not found", f"There is no directory {path}.", exits=1)
    # Files may be missing, broken or of a kind that needs another library.
    try:
        tokenizer = AutoTokenizer.from_pretrained(  # type: ignore[no-untyped-call]
            path, local_files_only=True
        )
        model = AutoModel.from_pretrained(path, local_files_only=True)
    except Exception as error:
        msg.fail(f"Can't load an encoder from {path}", error, exits=1)
    if model.config.is_encoder_decoder:
        model = model.get_encoder()
    return tokenizer, model.eval().float()


def _collect_words(docs: List[Path], word_list: Optional[Path]) -> Set[str]:
    words: Set[str] = set()
    for path in docs:
        words |= _read_docs(path)
    if word_list is not None:
        words |= _read_list(word_list)
    if not words:
        msg.fail("No words", "Give .spacy files that have some, or --words.", exits=1)
    return words


def _read_docs(path: Path) -> Set[str]:
    if not path.exists():
        msg.fail("Documents not found", path, exits=1)
    # Other files than DocBins fail in whatever way they are decoded.
    try:
        docs = DocBin().from_disk(path).get_docs(Vocab())
        return {word.text for doc in docs for word in doc if not word.text.isspace()}
    except Exception as error:
        msg.fail(f"Can't read documents from {path}", error, exits=1)


def _read_list(path: Path) -> Set[str]:
    try:
        lines = list(numbered_lines(decode(path.read_bytes())))
    except (OSError, ValueError) as error:
        msg.fail(f"Can't read words from {path}", error, exits=1)
    for number, line in lines:
        if len(line.split()) > 1:
            reason = f"Line {number} has more than a word: {line!r}"
            msg.fail(f"Can't read words from {path}", reason, exits=1)
    return {line.strip() for _, line in lines if line.strip()}


def _report(words: Set[str], known: List[str], width: int, wanted: int) -> None:
    if width < wanted:
        msg.warn(
            f"The vectors have a width of {width}, not {wanted}",
            "There are no more components than the encoder has dimensions, and one "
            "less than there are words.",
        )
    unknown = sorted(words.difference(known))
    if unknown:
        examples = ", ".join(map(repr, unknown[:_EXAMPLES]))
        msg.warn(
            f"{len(unknown)} of {len(words)} words have no vector",
            "The tokenizer has no pieces for them: "
            f"{examples}{', …' if len(unknown) > _EXAMPLES else ''}",
        )
    msg.good(f"Distilled {len(known)} vectors of width {width}")
