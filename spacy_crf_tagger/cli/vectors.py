"""`spacy crf vectors`: static word vectors from an encoder."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, List, Optional, Sequence, Set, Tuple

import typer
from spacy.strings import StringStore
from spacy.tokens import DocBin
from spacy.vectors import Vectors
from spacy.vocab import Vocab
from tqdm import tqdm
from wasabi import msg

from ..data.shards.inputs import Kind
from ..data.source import UnreadableError, open_source
from .contexts import N_CONTEXTS, NO_TEXTS, Texts, put_in_context, read_contexts
from .errors import explained
from .loading import blank_pipeline, check_output, reading_docs, save_pipeline
from .pieces import add_pieces, find_pieces

if TYPE_CHECKING:
    from transformers.tokenization_utils_base import PreTrainedTokenizerBase

_EXAMPLES = 10


def vectors_cli(
    encoder: Annotated[
        Path,
        typer.Argument(
            metavar="ENCODER",
            help="Directory with a Hugging Face model and its tokenizer",
        ),
    ],
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUTPUT", help="Directory to write a pipeline with the vectors to"
        ),
    ],
    docs: Annotated[
        Optional[List[Path]],
        typer.Argument(metavar="DOCS", help=".spacy files whose words get a vector"),
    ] = None,
    words: Annotated[
        Optional[Path],
        typer.Option(
            "--words", "-w", help="Text file with more words, one on each line"
        ),
    ] = None,
    width: Annotated[
        int, typer.Option("--width", "-W", min=1, help="Width of the vectors")
    ] = 200,
    lang: Annotated[
        str, typer.Option("--lang", "-l", help="Language of the pipeline")
    ] = "en",
    batch_size: Annotated[
        int,
        typer.Option("--batch-size", "-b", min=1, help="Words encoded at a time"),
    ] = 256,
    layers: Annotated[
        Optional[List[int]],
        typer.Option(
            "--layer",
            "-L",
            help="Layer of the encoder, from 0 (its input); the last one if not given. "
            "Several, as in -L 4 -L 5, are averaged",
        ),
    ] = None,
    pieces: Annotated[
        bool,
        typer.Option(
            "--pieces/--no-pieces",
            help="Keep vectors of the pieces that the tokenizer of the encoder splits "
            "words into, from which words without a vector get one",
        ),
    ] = True,
    texts: Annotated[
        Optional[List[str]],
        typer.Option(
            "--text",
            "-T",
            metavar="TEXT",
            help="File, folder or pattern of .txt (a text on each line), .jsonl, "
            ".parquet or .spacy, in which the encoder reads the words; several by "
            "-T again",
        ),
    ] = None,
    n_contexts: Annotated[
        int,
        typer.Option(
            "--contexts",
            "-n",
            min=1,
            help="How many occurrences of a word are read at most",
        ),
    ] = N_CONTEXTS,
    min_count: Annotated[
        Optional[int],
        typer.Option(
            "--text-words",
            min=1,
            help="Give a vector to words of TEXT as well that occur so many times",
        ),
    ] = None,
    input_format: Annotated[
        Optional[Kind],
        typer.Option("--input-format", help="What TEXT is, if names do not tell"),
    ] = None,
    text_field: Annotated[
        str, typer.Option("--text-field", "-t", help="Column of TEXT that has the text")
    ] = "text",
) -> None:
    """Make static word vectors from a pretrained encoder, such as a BERT: each word
    is encoded by itself, or where it stands in plain texts, and what comes out reduced
    to its principal components.

    The vectors serve a crf_ner with include_static_vectors: name OUTPUT in [paths]
    vectors. The encoder is not needed afterwards. A word's vector depends on no
    annotation, and without --text on the word alone, so give all the words that you
    expect: for others, what their pieces tell has to do. Nothing is downloaded.
    """
    make_vectors(
        encoder,
        output,
        docs or [],
        words,
        width=width,
        lang=lang,
        batch_size=batch_size,
        layers=layers or [],
        pieces=pieces,
        texts=Texts(texts or [], input_format, text_field, n_contexts, min_count),
    )


def make_vectors(
    encoder: Path,
    output: Path,
    docs: Sequence[Path] = (),
    word_list: Optional[Path] = None,
    *,
    width: int = 200,
    lang: str = "en",
    batch_size: int = 256,
    layers: Sequence[int] = (),
    pieces: bool = True,
    texts: Texts = NO_TEXTS,
) -> None:
    """Make word vectors from an encoder, save a pipeline that has them, and print what
    came of it.

    encoder (Path): Directory of the encoder and its tokenizer.
    output (Path): Where to write the pipeline with the vectors.
    docs (Sequence[Path]): Files of documents whose words get a vector.
    word_list (Optional[Path]): A text file with a word on each line.
    width (int): The width of the vectors.
    lang (str): The language of the pipeline.
    batch_size (int): How many words are encoded at a time.
    layers (Sequence[int]): The layers of the encoder that are averaged; the last one
        by default.
    pieces (bool): Whether pieces get a vector, from which words that have none get one.
    texts (Texts): Texts in which the words are read; without any each word is encoded
        by itself.
    """
    texts.check()
    inputs = texts.find()
    lists = [] if word_list is None else [word_list]
    check_output(output, encoder, *docs, *lists, *(each.path for each in inputs))
    nlp = blank_pipeline(lang)
    words = _collect_words(docs, word_list)
    if not words and texts.min_count is None:
        msg.fail("No words", "Give .spacy files that have some, or --words.", exits=1)
    tokenizer, model, layers = _load_encoder(encoder, layers)
    contexts = None
    encoded = words
    if inputs:
        contexts = read_contexts(texts, inputs, words, nlp, tokenizer, model, layers)
        words |= contexts.frequent(texts.min_count)
        encoded = words.union(contexts.words)
    # No other command should wait for what comes with these.
    from ..models.piece_vectors import NO_PIECES
    from ..models.word_vectors import embed_words, principal_components

    inventory = find_pieces(tokenizer, sorted(words)) if pieces else NO_PIECES
    beginnings = set(inventory.beginnings)
    # On a terminal only.
    bar = partial(tqdm, unit="word", disable=None)
    known, embedded = embed_words(
        encoded | beginnings, tokenizer, model, batch_size, bar, layers
    )
    with explained(f"Can't make vectors from {encoder}", ValueError):
        if contexts is not None:
            known, embedded = put_in_context(
                known, embedded, contexts, words, beginnings
            )
        is_own = [word in words for word in known]
        components = principal_components(embedded[is_own], width)
    keys, vectors = known, components.project(embedded)
    if inventory.continuations:
        keys, vectors = add_pieces(
            known, vectors, inventory, tokenizer, model, batch_size, layers
        )
    nlp.vocab.vectors = Vectors(
        strings=StringStore(keys),
        data=vectors,
        keys=keys,
        name=f"{lang}_encoder.vectors",
    )
    _report(words, known, vectors.shape[1], width)
    save_pipeline(nlp, output)


def _load_encoder(
    path: Path, layers: Sequence[int]
) -> Tuple["PreTrainedTokenizerBase", Any, List[int]]:
    from ..models.word_pieces import keep_layers
    from ..models.word_vectors import load_encoder

    with (
        explained("Encoder not found", FileNotFoundError),
        explained(f"Can't load an encoder from {path}", ImportError, ValueError),
    ):
        tokenizer, model = load_encoder(path)
    with explained("Can't take --layer", ValueError):
        return tokenizer, model, keep_layers(layers, model)


def _collect_words(docs: Sequence[Path], word_list: Optional[Path]) -> Set[str]:
    words: Set[str] = set()
    for path in docs:
        words |= _read_docs(path)
    if word_list is not None:
        words |= _read_list(word_list)
    return words


def _read_docs(path: Path) -> Set[str]:
    with reading_docs(path):
        docs = DocBin().from_disk(path).get_docs(Vocab())
        return {word.text for doc in docs for word in doc if not word.text.isspace()}


def _read_list(path: Path) -> Set[str]:
    cant_read = f"Can't read words from {path}"
    with explained(cant_read, UnreadableError), open_source(path) as source:
        lines = list(source.lines())
    for number, line in lines:
        if len(line.split()) > 1:
            reason = f"Line {number} has more than a word: {line!r}"
            msg.fail(cant_read, reason, exits=1)
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
    msg.good(f"Made {len(words.intersection(known))} vectors of width {width}")
