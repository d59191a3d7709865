"""Texts without annotation, as examples."""

from pathlib import Path
from typing import Iterator, List, Sequence

from spacy.language import Language
from spacy.training import Example

from ...data.shards.inputs import Input
from ...data.shards.plan import cut_into_shards
from ...data.shards.rows import Failure, read_rows
from ...data.source import UnreadableError
from ...pipeline.teachers import copy_tokens

_ROWS = 5000  # that are read at a time


def read_texts(
    inputs: Sequence[Input], text_field: str, nlp: Language
) -> List[Example]:
    """Read texts. Those of documents keep their tokens, and lose all annotation.

    inputs (Sequence[Input]): The files.
    text_field (str): The column that has the text.
    nlp (Language): The pipeline, which divides texts into tokens.
    RETURNS (List[Example]): Examples without annotation.
    RAISES (UnreadableError): If a file cannot be read, or a row has no text.
    """
    return list(_examples_of(inputs, text_field, nlp))


def _examples_of(
    inputs: Sequence[Input], text_field: str, nlp: Language
) -> Iterator[Example]:
    for shard in cut_into_shards(inputs, _ROWS):
        for piece in shard.pieces:
            for row in read_rows(piece, text_field, nlp):
                if isinstance(row, Failure):
                    raise UnreadableError(f"row {row.number}: {row.error}").of(
                        Path(row.name)
                    )
                doc = row.make_doc()
                if len(doc):
                    yield Example(*copy_tokens([doc, doc], nlp))
