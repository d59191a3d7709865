"""Let a pipeline analyse documents one after another, and report on what it finds."""

from collections import deque
from itertools import repeat
from pathlib import Path
from typing import (
    Callable,
    Deque,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Tuple,
)

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example
from spacy.util import minibatch

from ...data.corpus_reading import read_located
from ...data.read_spacy import find_spacy_files, read_docs
from .changes import Changes
from .model import Report, Section
from .readers import Reader, readers_of

_BATCH = 128
Placed = Tuple[str, Example]
Progress = Callable[[Iterable[Doc]], Iterable[Doc]]


class Pipeline(NamedTuple):
    """A pipeline and what to call it.

    name (str): What to call it.
    nlp (Language): The pipeline.
    """

    name: str
    nlp: Language


class _Match(NamedTuple):
    """What a pipeline has found, what another one has found, if there is one to compare
    with, and what they differ in.
    """

    ours: Reader
    theirs: Optional[Reader]
    changes: Changes


def make_report(
    pipeline: Pipeline,
    corpus: Path,
    *,
    train: Optional[Path] = None,
    against: Optional[Pipeline] = None,
    n_samples: int = 1000,
    progress: Progress = iter,
) -> Report:
    """Measure how good a pipeline is, and collect where it fails. Documents are
    forgotten once they are counted.

    pipeline (Pipeline): The pipeline. A `crf_tagger` that computes no probabilities is
        made to.
    corpus (Path): Annotated documents: a `.spacy` file or a folder of them.
    train (Optional[Path]): The documents that it has learned.
    against (Optional[Pipeline]): Another pipeline to compare with: its entities, and
        the tags of a `crf_tagger` that sets the same attribute of the same tokens.
    n_samples (int): How many test sets to draw, to find out how certain scores are.
    progress (Callable[[Iterable[Doc]], Iterable[Doc]]): Passes the documents on one by
        one, such as a progress bar.
    RETURNS (Report): The report.
    RAISES (ValueError): If documents cannot be read, or there is nothing to compare.
    """
    matches = _match(pipeline, against, train)
    others: Iterator[Optional[Placed]] = repeat(None)
    if against is not None:
        others = _analyse(against.nlp, corpus, iter)
    n_documents = n_tokens = 0
    # Without another pipeline, nothing goes with each document for ever.
    analysed = _analyse(pipeline.nlp, corpus, progress)
    stream = zip(analysed, others, strict=against is not None)
    for batch in minibatch(stream, _BATCH):
        own = [placed for placed, _ in batch]
        other = [placed for _, placed in batch if placed is not None]
        n_documents += len(own)
        n_tokens += sum(len(example.y) for _, example in own)
        for match in matches:
            found = match.ours.read(own)
            if match.theirs is not None:
                match.changes.add(found, match.theirs.read(other))
    sections = [
        _section(match, pipeline.nlp, n_samples)
        for match in matches
        if match.ours.is_wanted
    ]
    if not sections:
        raise ValueError(
            f"there is nothing to report on in {n_documents} documents of {corpus}. "
            "Either they have no annotated entities, and no tags of a crf_tagger of "
            f"the pipeline; or the pipeline, {pipeline.nlp.pipe_names}, finds neither."
        )
    return Report(
        pipeline.name,
        str(corpus),
        None if train is None else str(train),
        None if against is None else against.name,
        *(n_documents, n_tokens, n_samples),
        sections,
    )


def _analyse(nlp: Language, corpus: Path, progress: Progress) -> Iterator[Placed]:
    """YIELDS (Tuple[str, Example]): Analysed documents, and where each one is."""
    waiting: Deque[Placed] = deque()

    def docs() -> Iterator[Doc]:
        for located in read_located(Corpus(corpus), nlp, corpus.name):
            if located.example is not None:
                place = f"{Path(located.file).name}, document {located.number}"
                waiting.append((place, located.example))
                yield located.example.x

    for doc in progress(nlp.pipe(docs())):
        place, example = waiting.popleft()
        yield place, Example(doc, example.y)


def _reader_of_forms(
    nlp: Language, train: Optional[Path]
) -> Optional[Callable[[], Iterator[Doc]]]:
    if train is None:
        return None
    files = find_spacy_files(train)
    return lambda: (doc for path in files for doc in read_docs(path, nlp.vocab))


def _match(
    pipeline: Pipeline, against: Optional[Pipeline], train: Optional[Path]
) -> List[_Match]:
    """RETURNS (List[_Match]): What is reported on."""
    entities, tags = readers_of(pipeline.nlp, _reader_of_forms(pipeline.nlp, train))
    ours: List[Reader] = [entities, *tags]
    theirs: List[Optional[Reader]] = [None] * len(ours)
    names = ("", "")
    if against is not None:
        names = _names(pipeline.name, against.name)
        others, other_tags = readers_of(against.nlp, None)
        by_attribute = {reader.attribute: reader for reader in other_tags}
        theirs = [others, *(by_attribute.get(reader.attribute) for reader in tags)]
    return [
        _Match(one, other, Changes(*names, one.collector.unit))
        for one, other in zip(ours, theirs, strict=True)
    ]


def _section(match: _Match, nlp: Language, n_samples: int) -> Section:
    section = match.ours.section(nlp, n_samples)
    if match.theirs is None or not match.changes.are_comparable:
        return section
    difference = match.changes.finish(
        match.ours.collector, match.theirs.collector, n_samples
    )
    return section._replace(difference=difference)


def _names(ours: str, theirs: str) -> Tuple[str, str]:
    """RETURNS (Tuple[str, str]): Names that are short and different."""
    short: Dict[str, str] = {name: Path(name).name for name in (ours, theirs)}
    if short[ours] == short[theirs]:
        return ours, theirs
    return short[ours], short[theirs]
