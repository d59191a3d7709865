"""Every analysis of a short document, listed: what exact answers are compared with.

Spans become tags here by a second, plain implementation of the schemes.
"""

from functools import cache
from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    List,
    Sequence,
    Set,
    Tuple,
)

import numpy as np
import torch
from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_crf_tagger.crf import Potentials, TagScheme
from spacy_crf_tagger.pipeline.ner.component import CRFEntityRecognizer
from spacy_crf_tagger.pipeline.ner.settings import Settings
from tests.crf.brute_force import all_paths
from tests.helpers.component import (
    EntityTuple,
    entities,
    randomize,
    recognizer,
    trained_nlp,
)

SpanSet = FrozenSet[EntityTuple]
Analyses = Dict[SpanSet, float]
Loss = Callable[[Sequence[torch.Tensor]], torch.Tensor]


def uncertain_nlp(
    scheme: str = "biluo", output: str = "crf", seed: int = 0
) -> Language:
    """A pipeline with the labels of TRAIN_DATA that is sure of nothing."""
    nlp = trained_nlp(scheme, output)
    randomize(recognizer(nlp), seed, scale=0.25)
    return nlp


def reset_nlp(scheme: str = "biluo", output: str = "crf", seed: int = 0) -> Language:
    """The same, for tests that change nothing but weights and settings: one pipeline,
    set back for each caller.
    """
    nlp = _kept_nlp(scheme, output)
    ner = recognizer(nlp)
    ner.cfg.update(Settings(scheme=scheme).to_cfg())
    randomize(ner, seed, scale=0.25)
    return nlp


@cache
def _kept_nlp(scheme: str, output: str) -> Language:
    return trained_nlp(scheme, output)


@cache
def span_sets(n_tokens: int, labels: Tuple[str, ...]) -> List[SpanSet]:
    """All sets of labelled spans of which no two overlap."""
    if n_tokens == 0:
        return [frozenset()]
    without_last = span_sets(n_tokens - 1, labels)
    return without_last + [
        earlier | {(start, n_tokens, label)}
        for start in range(n_tokens)
        for earlier in span_sets(start, labels)
        for label in labels
    ]


def tags_of(spans: Iterable[EntityTuple], n_tokens: int, scheme: str) -> List[str]:
    tags = ["O"] * n_tokens
    for start, end, label in spans:
        tags[start:end] = [f"I-{label}"] * (end - start)
        tags[start] = f"B-{label}"
        if scheme == "biluo":
            tags[end - 1] = f"L-{label}" if end - start > 1 else f"U-{label}"
    return tags


@cache
def paths_of(n_tokens: int, labels: Tuple[str, ...], scheme: str) -> np.ndarray:
    """The tags of all span sets, in their order."""
    numbers = {tag: n for n, tag in enumerate(TagScheme(labels, scheme).tags)}
    paths = [
        [numbers[tag] for tag in tags_of(spans, n_tokens, scheme)]
        for spans in span_sets(n_tokens, labels)
    ]
    return np.array(paths, dtype=np.int64).reshape(len(paths), n_tokens)


def training_paths(
    n_tokens: int, scheme: TagScheme, with_transitions: bool = True
) -> np.ndarray:
    """Without transitions tags are learned one by one: any sequence is a path."""
    if with_transitions:
        return paths_of(n_tokens, scheme.labels, scheme.name)
    return all_paths(n_tokens, scheme.n_tags)


def score_paths(scores: Sequence[Any], paths: np.ndarray, first_row: int = 0) -> Any:
    """Scores of paths by emissions, transitions, starts and ends (or emissions only),
    NumPy's or torch's.
    """
    emissions, *others = scores
    rows = np.arange(first_row, first_row + paths.shape[1])
    total = emissions[rows, paths].sum(1)
    if paths.shape[1] and others and others[0] is not None:
        transitions, start, end = others
        total = total + transitions[paths[:, :-1], paths[:, 1:]].sum(1)
        total = total + start[paths[:, 0]] + end[paths[:, -1]]
    return total


def analyses_of(
    ner: CRFEntityRecognizer, doc: Doc, temperature: float = 1.0, respect: bool = True
) -> Analyses:
    """The probability of every analysis that is possible, given what is set on a
    document. Preset entities of unknown labels are not part of it.
    """
    sets = span_sets(len(doc), ner.labels)
    potentials = ner.model.predict([doc])
    doubles = [None if s is None else s.astype(np.float64) for s in potentials[:-1]]
    paths = paths_of(len(doc), ner.labels, ner.scheme.name)
    scores = score_paths(doubles, paths) / temperature
    possible = [is_possible(doc, spans, ner, respect) for spans in sets]
    weights = np.where(possible, np.exp(scores - scores.max()), 0.0)
    probabilities = weights / weights.sum()
    return {
        spans: float(probability)
        for spans, probability, kept in zip(sets, probabilities, possible, strict=True)
        if kept
    }


def is_possible(
    doc: Doc, spans: SpanSet, ner: CRFEntityRecognizer, respect: bool = True
) -> bool:
    presets = set(entities(doc)) if respect else set()
    decided = tokens_of(presets)
    if respect:
        decided |= {t.i for t in doc if t.ent_iob == 3 and not t.ent_type}
    if not {span for span in presets if span[2] in ner.labels} <= spans:
        return False
    for start, end, _ in spans - presets:
        tokens = list(doc)[start:end]
        if decided & set(range(start, end)):
            return False
        if tokens[0].is_space or tokens[-1].is_space:
            return False
        if any(token.is_sent_start for token in tokens[1:]):
            return False
        if ner.scheme.name == "bio" and any(token.is_space for token in tokens):
            return False
    return True


def tokens_of(spans: Iterable[EntityTuple]) -> Set[int]:
    return {token for start, end, _ in spans for token in range(start, end)}


def span_probability(analyses: Analyses, *spans: EntityTuple) -> float:
    """The probability that all of these spans are entities."""
    return sum(p for found, p in analyses.items() if set(spans) <= found)


def all_spans(n_tokens: int, labels: Iterable[str]) -> List[EntityTuple]:
    return [
        (start, end, label)
        for start in range(n_tokens)
        for end in range(start + 1, n_tokens + 1)
        for label in labels
    ]


def as_set(ents: Iterable[Span]) -> SpanSet:
    return frozenset((ent.start, ent.end, ent.label_) for ent in ents)


def differentiate(loss_of: Loss, potentials: Potentials) -> Tuple[float, Potentials]:
    """A loss and its gradients, by torch's automatic differentiation of an enumeration
    in double precision.
    """
    scores = [
        torch.tensor(each, dtype=torch.float64, requires_grad=True)
        for each in potentials[:-1]
        if each is not None
    ]
    loss = loss_of(scores)
    gradients = [each.numpy() for each in torch.autograd.grad(loss, scores)]
    gradients += [None] * (4 - len(gradients))
    return float(loss.detach()), Potentials._make([*gradients, potentials.lengths])


def assert_same_gradients(
    found: Potentials, expected: Potentials, factor: float = 1.0
) -> None:
    for name in ("emissions", "transitions", "start", "end"):
        one, other = getattr(found, name), getattr(expected, name)
        if other is None:
            assert one is None
        else:
            np.testing.assert_allclose(one, factor * other, atol=1e-5, err_msg=name)
