"""`crf_ner` without the constraints of its tag scheme, for `benchmarks.ablation`: any
tag may follow any other, in training and in prediction, and what is invalid is read as
well as it can be.

    python -m spacy train … --code benchmarks/harness/free_tags.py \
        --components.crf_ner.factory crf_ner_free_tags
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Model

from spacy_crf_tagger.crf import Constraints, Potentials, TagScheme, viterbi
from spacy_crf_tagger.crf.arrays import to_numpy
from spacy_crf_tagger.crf.lattice import Lengths, offsets_of
from spacy_crf_tagger.crf.scheme import TaggedSpans
from spacy_crf_tagger.crf.spans import SpanPosterior, by_sequence
from spacy_crf_tagger.pipeline.ner.component import CRFEntityRecognizer
from spacy_crf_tagger.pipeline.ner.decoding import Prediction

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

    def make_tags(self, labels: Sequence[str]) -> FreeTagScheme:
        return FreeTagScheme(labels, self.settings.scheme)

    def analyse(self, docs: list[Doc], potentials: Potentials) -> list[Prediction]:
        """RETURNS (list[Prediction]): The entities that the best tags of each document
        can be read as, and their probabilities.
        """
        lattice, scheme = self.lattice(docs, potentials), self.make_tags(self.labels)
        tags = to_numpy(viterbi(lattice).tags)
        spans = scheme.read(tags, lattice.lengths)
        scores = SpanPosterior(lattice, scheme).probabilities(*spans)
        by_document = by_sequence(spans, lattice.lengths)
        limits = np.cumsum([len(own) for own in by_document])[:-1]
        of_document = np.split(scores.astype(np.float32), limits)
        return list(map(Prediction, by_document, of_document))


def best_tags(component: CRFEntityRecognizer, docs: list[Doc]) -> list[NDArray[Any]]:
    """RETURNS (list[NDArray[int]]): The tags that the component reads entities from,
    of each document.
    """
    tags: list[NDArray[Any]] = []
    for _, lattice in component.lattices(docs):
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


@Language.factory(FACTORY)
def make_crf_ner_free_tags(
    nlp: Language,
    name: str,
    model: Model[list[Doc], Potentials],
    scheme: str,
    spans_key: str | None,
    decoder: str,
    threshold: float | None,
    presets: str,
    missing: str,
    entity_ratio: float,
    entity_ratio_margin: float,
    entity_ratio_weight: float,
    incorrect_spans_key: str | None,
    label_weights: dict[str, float] | None,
    candidates_key: str | None,
    candidates_floor: float,
    label_floors: dict[str, float] | None,
    scorer: Callable[..., Any] | None,
) -> FreeTagsRecognizer:
    """Create the component from the settings of `crf_ner`, all of them."""
    return FreeTagsRecognizer(
        nlp.vocab,
        model,
        name,
        scorer=scorer,
        scheme=scheme,
        spans_key=spans_key,
        decoder=decoder,
        threshold=threshold,
        presets=presets,
        missing=missing,
        entity_ratio=entity_ratio,
        entity_ratio_margin=entity_ratio_margin,
        entity_ratio_weight=entity_ratio_weight,
        incorrect_spans_key=incorrect_spans_key,
        label_weights=label_weights or {},
        candidates_key=candidates_key,
        candidates_floor=candidates_floor,
        label_floors=label_floors or {},
    )
