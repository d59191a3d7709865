"""Divide a corpus into folds, each of which is judged by models of the others."""

import random
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Sequence

from spacy.tokens import Doc

from ...data.text_index import text_key
from ...data.writing import write_parts

_TRAIN, _DEV, _REST = 0, 1, 2


class FoldFiles(NamedTuple):
    """The documents that the models of a fold learn from.

    train (Path): The `.spacy` file to train on.
    dev (Path): The one that chooses the best step.
    """

    train: Path
    dev: Path


def assign_parts(texts: Iterable[str], n_parts: int, seed: int = 0) -> List[int]:
    """Divide texts at random into parts of nearly the same size. The same text comes
    into the same part, whatever the whitespace in it.

    texts (Iterable[str]): The texts.
    n_parts (int): How many parts.
    seed (int): Of the random numbers.
    RETURNS (List[int]): The part of each text, from 0.
    RAISES (ValueError): If there are fewer different texts than parts.
    """
    keys = [text_key(text, ()).text for text in texts]
    counts: Dict[bytes, int] = {}
    for key in keys:
        counts[key] = counts.get(key, 0) + 1
    if len(counts) < n_parts:
        raise ValueError(
            f"{len(counts)} different texts cannot be divided into {n_parts} parts. "
            "Give more documents, or ask for fewer folds."
        )
    order = list(counts)
    random.Random(seed).shuffle(order)
    sizes = [0] * n_parts
    part_of: Dict[bytes, int] = {}
    for key in order:
        smallest = sizes.index(min(sizes))
        part_of[key] = smallest
        sizes[smallest] += counts[key]
    return [part_of[key] for key in keys]


def write_fold(
    docs: Iterable[Doc],
    folds: Sequence[int],
    held_out: int,
    folder: Path,
    *,
    dev_parts: Sequence[int],
) -> FoldFiles:
    """Write the documents that the models of a fold learn from.

    docs (Iterable[Doc]): All documents, which are not kept in memory.
    folds (Sequence[int]): The fold of each.
    held_out (int): The fold that is to be judged, and is left out.
    folder (Path): Where to write the files.
    dev_parts (Sequence[int]): The part of each document in a second division. Those of
        part 0 choose the best step, and are not trained on.
    RETURNS (FoldFiles): The files.
    RAISES (ValueError): If there is nothing left to train on, or to choose by.
    """
    files = FoldFiles(folder / "train.spacy", folder / "dev.spacy")
    roles = [
        _REST if fold == held_out else (_TRAIN if part else _DEV)
        for fold, part in zip(folds, dev_parts, strict=True)
    ]
    for role, what in ((_TRAIN, "to train on"), (_DEV, "to choose the best step by")):
        if role not in roles:
            raise ValueError(
                f"Without fold {held_out + 1} there is no document {what}. Give more "
                "documents, or ask for fewer folds."
            )
    pairs = zip(docs, roles, strict=True)
    kept = (doc for doc, role in pairs if role != _REST)
    remaining = iter([role for role in roles if role != _REST])
    write_parts(kept, list(files), lambda _: next(remaining))
    return files
