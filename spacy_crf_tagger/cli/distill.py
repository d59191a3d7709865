"""`spacy crf distill`: static word vectors from an encoder."""

from pathlib import Path
from typing import Annotated, List, Optional

import typer


def distill_cli(
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
) -> None:
    """Distil static word vectors from a pretrained encoder, such as a BERT: each word
    is encoded by itself, and what comes out reduced to its principal components.

    The vectors serve a crf_ner with include_static_vectors: name OUTPUT in [paths]
    vectors. The encoder is not needed afterwards. A word's vector depends on no text
    that it is in and on no annotation, so give all the words that you expect: those
    without a vector count as average. Nothing is downloaded.
    """
    # Every `python -m spacy` process imports this file.
    from .distilling import distill

    distill(encoder, output, docs or [], words, width, lang, batch_size)
