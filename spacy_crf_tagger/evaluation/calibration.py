"""Calibrate probabilities by temperature scaling."""

from itertools import islice
from pathlib import Path
from typing import (
    Callable,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import numpy as np
from spacy.errors import Errors
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example

from ..crf import Potentials, tag_posterior
from ..crf.arrays import to_numpy
from ..pipeline.annotation import UNKNOWN, Tags
from ..pipeline.base import CRFPipe
from ..pipeline.errors import working
from .figures import store_figures

LOWEST, HIGHEST = 0.1, 10.0  # temperatures

# Gold that the lattice forbids costs as much at any temperature, and so decides
# nothing; nor does rounding where all is certain.
_PROBABILITIES = np.finfo(np.float64).tiny, 1.0 - 1e-12
_N_COARSE = 9
_USUAL = "crf_ner"  # the component that is meant if none is named
_TOLERANCE = 1e-4  # of the logarithm


def fit_temperature(
    nlp: Language, examples: Iterable[Example], name: Optional[str] = None
) -> float:
    """Find the temperature (Guo et al. 2017, "On calibration of modern neural
    networks") that minimises the pointwise log loss (Kakade, Teh and Roweis 2002, "An
    alternate objective function for Markovian fields"): the mean over the annotated
    tokens of −log P(tag of the token | text). Tokens without annotation do not count,
    nor does what earlier components set. The pipeline does not change: set
    `nlp.get_pipe(name).temperature` to use it.

    nlp (Language): The pipeline.
    examples (Iterable[Example]): Annotated examples that it was not trained on.
    name (Optional[str]): The name of the component; None for `crf_ner`, or else the
        only one that there is.
    RETURNS (float): The temperature, from 0.1 to 10, whatever it is now.
    RAISES (ValueError): If there is no such component in the pipeline, or nothing of
        its labels is annotated.
    """
    name, component = find_component(nlp, name)
    groups = _score(nlp, examples, name, component)
    tags = np.concatenate([np.zeros(0, np.int64), *(group.tags for group in groups)])
    with working(name):
        _require_labels(component, tags)

    def log_loss(log_temperature: float) -> float:
        temperature = float(np.exp(log_temperature))
        return sum(_log_loss(group, component, temperature) for group in groups)

    best = _minimise(log_loss, np.log(LOWEST), np.log(HIGHEST))
    # `to_disk` would round it further down.
    return round(float(np.exp(best)), 4)


def find_component(nlp: Language, name: Optional[str] = None) -> Tuple[str, CRFPipe]:
    """Get a component that has a temperature.

    nlp (Language): The pipeline.
    name (Optional[str]): The name of the component; None for `crf_ner`, or else the
        only one that there is.
    RETURNS (Tuple[str, CRFPipe]): Its name in the pipeline, and the component.
    RAISES (ValueError): If there is no such component, or it is disabled; or if no name
        is given, and there are several.
    """
    pipes = {n: pipe for n, pipe in nlp.pipeline if isinstance(pipe, CRFPipe)}
    if name is None and _USUAL not in pipes and len(pipes) > 1:
        raise ValueError(
            f"the pipeline has several components with a temperature, {list(pipes)}: "
            "say which one is meant."
        )
    if name is None:
        name = next(iter(pipes)) if len(pipes) == 1 else _USUAL
    if name not in pipes:
        disabled = " It is disabled: enable it." if name in nlp.disabled else ""
        raise ValueError(
            f"'{name}' is not a crf_ner or crf_tagger component of the pipeline. Those "
            f"are: {list(pipes)}.{disabled}"
        )
    return name, pipes[name]


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
    path: Union[str, Path, None], component: Optional[str] = None
) -> Callable[[Language], Language]:
    """Create the callback `spacy_crf_tagger.calibrate.v1` for `[training]
    before_to_disk`, which fits the temperature of each pipeline that is saved, and
    measures the figures in its `meta.json` anew. Evaluations between use the
    temperature of the one that was saved last.

    path (Union[str, Path]): The development corpus, as for `spacy.Corpus.v1`.
    component (Optional[str]): The name of the component; None for `crf_ner`, or else
        the only one that there is.
    RETURNS (Callable[[Language], Language]): The callback.
    RAISES (ValueError): If there is no path.
    """
    if path is None:
        raise ValueError(Errors.E913)
    corpus = Corpus(path)

    def calibrate(nlp: Language) -> Language:
        name, pipe = find_component(nlp, component)
        examples = list(corpus(nlp))
        pipe.temperature = fit_temperature(nlp, examples, name)
        store_figures(nlp, name, analyse_examples(nlp, examples))
        return nlp

    return calibrate


class _Group(NamedTuple):
    """Scored documents with their annotation."""

    docs: List[Doc]
    potentials: Potentials
    tags: Tags


def _score(
    nlp: Language, examples: Iterable[Example], name: str, component: CRFPipe
) -> List[_Group]:
    """RETURNS (List[_Group]): What the examples are scored as, behind the components
    that come before.
    """
    not_before = nlp.pipe_names[nlp.pipe_names.index(name) :]
    examples = analyse_examples(nlp, examples, disable=not_before)
    remaining = iter(examples)
    groups: List[_Group] = []
    for docs, potentials in component.scored([example.x for example in examples]):
        own = list(islice(remaining, len(docs)))
        if len(potentials.emissions):
            # Tokens of labels that the component does not have are unknown; they would
            # be impossible at any temperature.
            groups.append(_Group(docs, potentials, component.known_tags(own)))
    return groups


def _require_labels(component: CRFPipe, tags: Tags) -> None:
    """Check that there is something to learn from."""
    if component.outside_tag is None:
        wanted, is_wanted = "tags", tags != UNKNOWN
        found = "none has one"
    else:
        outside = component.outside_tag
        wanted, is_wanted = "entities", (tags != UNKNOWN) & (tags != outside)
        n_outside = (tags == outside).sum()
        found = f"{n_outside} are annotated as outside, and none as an entity"
    if not is_wanted.any():
        raise ValueError(
            f"calibration needs annotated documents with {wanted} of its labels; among "
            f"{len(tags)} tokens, {found}."
        )


def _log_loss(group: _Group, component: CRFPipe, temperature: float) -> float:
    lattice = component.text_lattice(group.docs, group.potentials, temperature)
    known = np.flatnonzero(group.tags != UNKNOWN)
    posterior = to_numpy(tag_posterior(lattice).tags)
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
