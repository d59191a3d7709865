"""Calibrate probabilities by temperature scaling."""

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Callable, Iterable, List, NamedTuple, Sequence, Union

import numpy as np
from spacy.errors import Errors
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example

from ..crf import Potentials
from ..crf.scheme import OUTSIDE
from ..crf.spans import SpanPosterior
from ..pipeline.annotation import UNKNOWN, Tags
from ..pipeline.ner.annotation import read_annotation
from ..pipeline.ner.component import CRFEntityRecognizer
from ..pipeline.ner.decoding import prediction_lattice
from ..pipeline.ner.settings import Settings

LOWEST, HIGHEST = 0.1, 10.0  # temperatures

# Gold that the lattice forbids costs as much at any temperature, and so decides
# nothing; nor does rounding where all is certain.
_PROBABILITIES = np.finfo(np.float64).tiny, 1.0 - 1e-12
_N_COARSE = 9
_TOLERANCE = 1e-4  # of the logarithm


def fit_temperature(
    nlp: Language, examples: Iterable[Example], name: str = "crf_ner"
) -> float:
    """Find the temperature (Guo et al. 2017, "On calibration of modern neural
    networks") that minimises the pointwise log loss (Kakade, Teh and Roweis 2002, "An
    alternate objective function for Markovian fields"): the mean over the annotated
    tokens of −log P(tag of the token | text). Tokens without annotation do not count,
    nor do entities that earlier components set. The pipeline does not change: set
    `nlp.get_pipe(name).cfg["temperature"]` to use the temperature.

    nlp (Language): The pipeline.
    examples (Iterable[Example]): Annotated examples that it was not trained on.
    name (str): The name of the component.
    RETURNS (float): The temperature, from 0.1 to 10, whatever it is now.
    RAISES (ValueError): If there is no such component in the pipeline, or no annotated
        entity.
    """
    component = find_component(nlp, name)
    # The model's own distribution, measured on what is annotated and nothing else.
    settings = replace(
        component.settings,
        presets="ignore",
        missing="latent",
        incorrect_spans_key=None,
    )
    groups = _score(nlp, examples, name, settings)
    tags = np.concatenate([np.zeros(0, np.int64), *(group.tags for group in groups)])
    if not np.isin(tags, [UNKNOWN, OUTSIDE], invert=True).any():
        raise ValueError(
            f"Component '{name}': calibration needs annotated documents with entities "
            f"of its labels; among {len(tags)} tokens, {(tags == OUTSIDE).sum()} are "
            "annotated as outside, and none as an entity."
        )

    def log_loss(log_temperature: float) -> float:
        temperature = float(np.exp(log_temperature))
        scaled = replace(settings, temperature=temperature)
        return sum(_log_loss(group, component, scaled) for group in groups)

    best = _minimise(log_loss, np.log(LOWEST), np.log(HIGHEST))
    # `to_disk` would round it further down.
    return round(float(np.exp(best)), 4)


def find_component(nlp: Language, name: str) -> CRFEntityRecognizer:
    """Get a component that has a temperature.

    nlp (Language): The pipeline.
    name (str): The name of the component.
    RETURNS (CRFEntityRecognizer): The component.
    RAISES (ValueError): If there is no such component, or it is disabled.
    """
    pipes = {
        n: pipe for n, pipe in nlp.pipeline if isinstance(pipe, CRFEntityRecognizer)
    }
    if name not in pipes:
        raise ValueError(
            f"'{name}' is not a crf_ner component of the pipeline. Those are: "
            f"{list(pipes)}."
        )
    return pipes[name]


def analyse_examples(
    nlp: Language,
    examples: Iterable[Example],
    disable: Sequence[str] = (),
    progress: Callable[[Iterable[Doc]], Iterable[Doc]] = iter,
) -> List[Example]:
    """Let a pipeline analyse copies of the predicted documents of examples.

    nlp (Language): The pipeline.
    examples (Iterable[Example]): The examples, which do not change.
    disable (Sequence[str]): The names of components to leave out.
    progress (Callable[[Iterable[Doc]], Iterable[Doc]]): Passes the documents on one by
        one, such as a progress bar.
    RETURNS (List[Example]): Examples of the analysed documents.
    """
    examples = list(examples)
    copies = [example.x.copy() for example in examples]
    docs = progress(nlp.pipe(copies, disable=disable))
    return [
        Example(doc, example.y) for doc, example in zip(docs, examples, strict=True)
    ]


def make_calibration(
    path: Union[str, Path, None], component: str = "crf_ner"
) -> Callable[[Language], Language]:
    """Create the callback `spacy_crf_tagger.calibrate.v1` for `[training]
    before_to_disk`, which fits the temperature of each pipeline that is saved.
    Evaluations between use the temperature of the one that was saved last.

    path (Union[str, Path]): The development corpus, as for `spacy.Corpus.v1`.
    component (str): The name of the component.
    RETURNS (Callable[[Language], Language]): The callback.
    RAISES (ValueError): If there is no path.
    """
    if path is None:
        raise ValueError(Errors.E913)
    corpus = Corpus(path)

    def calibrate(nlp: Language) -> Language:
        temperature = fit_temperature(nlp, corpus(nlp), component)
        find_component(nlp, component).cfg["temperature"] = temperature
        return nlp

    return calibrate


class _Group(NamedTuple):
    """Scored documents with their annotation."""

    docs: List[Doc]
    potentials: Potentials
    tags: Tags


def _score(
    nlp: Language, examples: Iterable[Example], name: str, settings: Settings
) -> List[_Group]:
    """RETURNS (List[_Group]): What the examples are scored as, behind the components
    that come before.
    """
    component = find_component(nlp, name)
    not_before = nlp.pipe_names[nlp.pipe_names.index(name) :]
    examples = analyse_examples(nlp, examples, disable=not_before)
    remaining = iter(examples)
    groups: List[_Group] = []
    for docs, potentials in component.scored([example.x for example in examples]):
        own = list(islice(remaining, len(docs)))
        if len(potentials.emissions):
            # Tokens of labels that the component does not have are unknown; they would
            # be impossible at any temperature.
            annotation = read_annotation(
                own, component.scheme, nlp.vocab.strings, settings
            )
            groups.append(_Group(docs, potentials, annotation.tags))
    return groups


def _log_loss(
    group: _Group, component: CRFEntityRecognizer, settings: Settings
) -> float:
    lattice = prediction_lattice(
        group.potentials, component.scheme, group.docs, settings
    )
    known = np.flatnonzero(group.tags != UNKNOWN)
    posterior = SpanPosterior(lattice, component.scheme).tags
    probability = posterior[known, group.tags[known]]
    return -float(np.log(np.clip(probability, *_PROBABILITIES)).sum())


def _minimise(function: Callable[[float], float], low: float, high: float) -> float:
    """Find the minimum between two bounds: first on a grid, for there may be local
    minima, then by golden section (Kiefer 1953).
    """
    grid = np.linspace(low, high, _N_COARSE)
    best = int(np.argmin([function(point) for point in grid]))
    low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, len(grid) - 1)])
    golden = (np.sqrt(5.0) - 1.0) / 2.0
    left, right = high - golden * (high - low), low + golden * (high - low)
    at_left, at_right = function(left), function(right)
    while high - low > _TOLERANCE:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - golden * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + golden * (high - low)
            at_right = function(right)
    return (low + high) / 2.0
