"""Divide a corpus into folds, each of which is judged by models of the others."""

import random
from collections import Counter
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Sequence

from spacy.tokens import Doc

from ...data.text_index import text_key
from ...data.writing import write_parts

# One in so many of the documents to train on chooses the best step.
_N_PARTS = 10


class FoldFiles(NamedTuple):
    """The documents that the models of a fold learn from.

    train (Path): The `.spacy` file to train on.
    dev (Path): The one that chooses the best step.
    """

    train: Path
    dev: Path


def keys_of(texts: Iterable[str]) -> List[bytes]:
    """RETURNS (List[bytes]): What stands for each text, in a few bytes: the same for
    the same text, whatever the whitespace in it.
    """
    return [text_key(text, ()).text for text in texts]


def assign_parts(keys: Sequence[bytes], n_parts: int, seed: int = 0) -> List[int]:
    """Divide texts at random into parts of nearly the same size. The same text always
    comes into the same part.

    keys (Sequence[bytes]): What stands for the texts.
    n_parts (int): How many parts.
    seed (int): Of the random numbers.
    RETURNS (List[int]): The part of each text, from 0.
    RAISES (ValueError): If there are fewer different texts than parts.
    """
    counts = Counter(keys)
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


def assign_dev(
    keys: Sequence[bytes], folds: Sequence[int], seed: int = 0
) -> List[bool]:
    """Choose the documents that choose the best step: a tenth at random, and at least
    one of each fold.

    keys (Sequence[bytes]): What stands for the texts.
    folds (Sequence[int]): The fold of each.
    seed (int): Of the random numbers.
    RETURNS (List[bool]): Whether each document is one of them.
    """
    if len(set(keys)) >= _N_PARTS:
        chosen = [part == 0 for part in assign_parts(keys, _N_PARTS, seed)]
        served = {fold for fold, is_dev in zip(folds, chosen, strict=True) if is_dev}
        if served == set(folds):
            return chosen
    # There are few texts, and not each fold has had one.
    first: Dict[int, bytes] = {}
    for key, fold in zip(keys, folds, strict=True):
        first.setdefault(fold, key)
    return [first[fold] == key for key, fold in zip(keys, folds, strict=True)]


def write_fold(
    docs: Iterable[Doc],
    folds: Sequence[int],
    is_dev: Sequence[bool],
    held_out: int,
    folder: Path,
) -> FoldFiles:
    """Write the documents that the models of a fold learn from.

    docs (Iterable[Doc]): All documents, which are not kept in memory.
    folds (Sequence[int]): The fold of each.
    is_dev (Sequence[bool]): Whether each chooses the best step, and is not trained on.
    held_out (int): The fold that is to be judged, and is left out.
    folder (Path): Where to write the files.
    RETURNS (FoldFiles): The files.
    RAISES (ValueError): If there is nothing left to train on.
    """
    files = FoldFiles(folder / "train.spacy", folder / "dev.spacy")
    roles = [
        is_chosen
        for fold, is_chosen in zip(folds, is_dev, strict=True)
        if fold != held_out
    ]
    if all(roles):
        raise ValueError(
            f"Without part {held_out + 1} there is no document to train on. Give more "
            "documents, or ask for fewer folds."
        )
    pairs = zip(docs, folds, strict=True)
    kept = (doc for doc, fold in pairs if fold != held_out)
    remaining = iter(roles)
    write_parts(kept, list(files), lambda _: int(next(remaining)))
    return files
