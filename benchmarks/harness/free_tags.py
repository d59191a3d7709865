"""`crf_ner` without the constraints of its tag scheme, for `benchmarks.ablation`: any
tag may follow any other, in training and in prediction, and what is invalid is read as
well as it can be.

    python -m spacy train … --code benchmarks/free_tags.py \
        --components.crf_ner.factory crf_ner_free_tags
"""

from functools import cached_property
from inspect import signature
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc

from spacy_crf_tagger.crf import Constraints, TagScheme, viterbi
from spacy_crf_tagger.crf.arrays import to_numpy
from spacy_crf_tagger.crf.lattice import Lengths, offsets_of
from spacy_crf_tagger.crf.scheme import TaggedSpans
from spacy_crf_tagger.crf.spans import SpanPosterior
from spacy_crf_tagger.pipeline.ner.component import CRFEntityRecognizer
from spacy_crf_tagger.pipeline.ner.decoding import Prediction, spans_by_document
from spacy_crf_tagger.pipeline.ner.factory import make_crf_ner

FACTORY = "crf_ner_free_tags"


class FreeTagScheme(TagScheme):
    """A tag scheme that forbids nothing."""

    @cached_property
    def constraints(self) -> Constraints:
        """RETURNS (Constraints): That everything is allowed."""
        k = self.n_tags
        return Constraints(np.ones((k, k), bool), np.ones(k, bool), np.ones(k, bool))

    def read(self, tags: NDArray[np.int64], lengths: Lengths) -> TaggedSpans:
        """Turn any tags of a ragged batch into spans. Like conlleval, opens a span at
        a tag that goes on with nothing, and closes one that nothing goes on with.

        tags (NDArray[int]): Tag sequences, end to end, [N].
        lengths (NDArray[int]): The length of each, [B].
        RETURNS (TaggedSpans): The spans, numbered over the batch's tokens.
        """
        letters, labels = self.tag_positions[tags], self.tag_labels[tags]
        continued = np.zeros(len(tags), bool)  # whether the next tag goes on with it
        continued[:-1] = (
            np.isin(letters[:-1], ["B", "I"])
            & self.continues[tags[1:]]
            & (labels[:-1] == labels[1:])
        )
        offsets = offsets_of(lengths)
        continued[offsets[1:][lengths > 0] - 1] = False
        goes_on = np.concatenate([[False], continued[:-1]])
        inside = letters != "O"
        start = np.flatnonzero(inside & ~goes_on)
        end = np.flatnonzero(inside & ~continued) + 1
        return TaggedSpans(start, end, labels[start])


class FreeTagsRecognizer(CRFEntityRecognizer):
    """`crf_ner` for which no tag sequence is invalid."""

    @property
    def scheme(self) -> FreeTagScheme:
        """RETURNS (FreeTagScheme): The tags of the labels."""
        if not isinstance(self._scheme, FreeTagScheme) or (
            self._scheme.labels != self.labels
        ):
            self._scheme = FreeTagScheme(self.labels, self.cfg["scheme"])
        return cast(FreeTagScheme, self._scheme)

    def predict(self, docs: Any) -> list[Prediction]:
        """RETURNS (list[Prediction]): The entities that the best tags of each document
        can be read as, and their probabilities.
        """
        predictions: list[Prediction] = []
        scheme = self.scheme
        for _, lattice in self._lattices(docs):
            tags = to_numpy(viterbi(lattice).tags)
            spans = scheme.read(tags, lattice.lengths)
            scores = SpanPosterior(lattice, scheme).probabilities(*spans)
            by_document = spans_by_document(spans, lattice.lengths)
            limits = np.cumsum([len(own) for own in by_document])[:-1]
            of_document = np.split(scores.astype(np.float32), limits)
            predictions += map(Prediction, by_document, of_document)
        return predictions


def best_tags(component: CRFEntityRecognizer, docs: list[Doc]) -> list[NDArray[Any]]:
    """RETURNS (list[NDArray[int]]): The tags that the component reads entities from,
    of each document.
    """
    tags: list[NDArray[Any]] = []
    for _, lattice in component._lattices(docs):
        inner = np.cumsum(lattice.lengths)[:-1]
        tags += np.split(to_numpy(viterbi(lattice).tags), inner)
    return tags


def is_valid(tags: NDArray[Any], scheme: TagScheme) -> bool:
    """RETURNS (bool): Whether a scheme allows the tags of a document."""
    if not len(tags):
        return True
    allowed = TagScheme(scheme.labels, scheme.name).constraints
    return bool(
        allowed.start[tags[0]]
        and allowed.end[tags[-1]]
        and allowed.transitions[tags[:-1], tags[1:]].all()
    )


def make_crf_ner_free_tags(**settings: Any) -> FreeTagsRecognizer:
    """Create the component from the settings of `crf_ner`, all of them."""
    component = make_crf_ner(**settings)
    component.__class__ = FreeTagsRecognizer
    return cast(FreeTagsRecognizer, component)


# This is where spaCy finds the names of the settings.
make_crf_ner_free_tags.__signature__ = signature(make_crf_ner)  # type: ignore[attr-defined]
Language.factory(FACTORY, func=make_crf_ner_free_tags)
