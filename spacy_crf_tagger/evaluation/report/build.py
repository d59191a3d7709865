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
    Sequence,
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
from .readers import EntityReader, Reader, TagReader, readers_of

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
    against (Optional[Pipeline]): Another pipeline, to compare entities with.
    n_samples (int): How many test sets to draw, to find out how certain scores are.
    progress (Callable[[Iterable[Doc]], Iterable[Doc]]): Passes the documents on one by
        one, such as a progress bar.
    RETURNS (Report): The report.
    RAISES (ValueError): If documents cannot be read, or there is nothing to compare.
    """
    readers = readers_of(pipeline.nlp, _reader_of_forms(pipeline.nlp, train))
    entities, tags = readers
    theirs: Optional[EntityReader] = None
    changes: Optional[Changes] = None
    others: Iterator[Optional[Placed]] = repeat(None)
    if against is not None:
        theirs = readers_of(against.nlp, None)[0]
        changes = Changes(*_names(pipeline.name, against.name))
        others = _analyse(against.nlp, corpus, iter)
    n_documents = n_tokens = 0
    # Without another pipeline, nothing goes with each document for ever.
    analysed = _analyse(pipeline.nlp, corpus, progress)
    stream = zip(analysed, others, strict=against is not None)
    for batch in minibatch(stream, _BATCH):
        own = [placed for placed, _ in batch]
        n_documents += len(own)
        n_tokens += sum(len(example.y) for _, example in own)
        found = entities.read(own)
        for reader in tags:
            reader.read(own)
        if theirs is not None and changes is not None:
            of_theirs = theirs.read([other for _, other in batch if other is not None])
            for one, other in zip(found, of_theirs, strict=True):
                if one is not None and other is not None:
                    changes.add(one, other)
    sections = _sections(pipeline.nlp, entities, tags, n_samples)
    if not sections:
        raise ValueError(
            f"there is nothing to report on: of {n_documents} documents in {corpus}, "
            f"{entities.n_annotated} are annotated with entities or their absence, the "
            f"pipeline {pipeline.nlp.pipe_names} finds no entity, and it has no "
            "crf_tagger whose tags are annotated."
        )
    if theirs is not None and changes is not None and sections[0].unit == "entity":
        difference = changes.finish(entities.collector, theirs.collector, n_samples)
        sections[0] = sections[0]._replace(difference=difference)
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


def _sections(
    nlp: Language, entities: EntityReader, tags: Sequence[TagReader], n_samples: int
) -> List[Section]:
    wanted: List[Reader] = [reader for reader in tags if reader.collector.n_gold]
    if entities.is_wanted:
        wanted.insert(0, entities)
    return [reader.section(nlp, n_samples) for reader in wanted]


def _names(ours: str, theirs: str) -> Tuple[str, str]:
    """RETURNS (Tuple[str, str]): Names that are short and different."""
    short: Dict[str, str] = {name: Path(name).name for name in (ours, theirs)}
    if short[ours] == short[theirs]:
        return ours, theirs
    return short[ours], short[theirs]
