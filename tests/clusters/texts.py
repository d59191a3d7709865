"""Small texts, and brute force to hold clusters against."""

import math
import random
from collections import Counter
from itertools import pairwise

import numpy as np

from spacy_crf_tagger.clusters.bigrams import BOUNDARY, BigramCounter
from spacy_crf_tagger.clusters.tree import codes_of_merges

PLANTS = [
    "the red rose grows in the garden",
    "the white rose grows in a garden",
    "a red tulip grows in the field",
    "the white lily blooms in a field",
    "a tulip blooms",
    "the lily blooms in May",
    "in June the rose blooms",
    "in May a tulip grows",
]


def count(sentences, min_count=1, chunk=None):
    counter = BigramCounter()
    chunk = chunk or max(len(sentences), 1)
    for start in range(0, len(sentences), chunk):
        numbers = []
        for sentence in sentences[start : start + chunk]:
            numbers += [*map(counter.number, sentence.split(" ")), BOUNDARY]
        counter.add(np.asarray(numbers))
    return counter.bigrams(min_count)


def information(sentences, class_of):
    """RETURNS the average mutual information of classes that follow each other, in
    bits, by its definition.
    """
    pairs = Counter()
    for sentence in sentences:
        classes = [None, *(class_of[word] for word in sentence.split(" ")), None]
        pairs.update(pairwise(classes))
    total = sum(pairs.values())
    before, after = Counter(), Counter()
    for (c, d), n in pairs.items():
        before[c] += n
        after[d] += n
    return sum(
        n / total * math.log2(n * total / (before[c] * after[d]))
        for (c, d), n in pairs.items()
    )


def random_codes(n_classes, seed):
    """RETURNS the codes of a tree whose classes are merged at random."""
    rng = random.Random(seed)
    left, merges = list(range(n_classes)), []
    while len(left) > 1:
        first, second = sorted(rng.sample(left, 2))
        left.remove(second)
        merges.append((first, second))
    return codes_of_merges(merges, n_classes)
