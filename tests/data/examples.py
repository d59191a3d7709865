import io
from pathlib import Path
from typing import Callable, List, NamedTuple, Tuple

from hypothesis import settings
from spacy.tokens import Doc

from spacy_crf_tagger.data.reading import Log, Problem, numbered_lines
from spacy_crf_tagger.data.source import Source

seeded = settings(max_examples=60, deadline=None, derandomize=True)


class Reading(NamedTuple):
    docs: List[Doc]
    problems: List[Problem]
    log: Log


def read_all(reader: Callable, text: str, *args: object, **options: object) -> Reading:
    """Read a text with one of the readers, and list what there is."""
    log = Log()
    docs = list(reader(lambda: numbered_lines(text), *args, log, **options))
    kinds = log.problems.values()
    return Reading(docs, sorted(p for kind in kinds for p in kind.first), log)


def read_source(
    reader: Callable, text: str, *args: object, **options: object
) -> Reading:
    """Read a file that holds a text with one of the readers that want a file."""
    log = Log()
    source = Source(Path("in.json"), io.BytesIO(text.encode("utf8")))
    docs = list(reader(source, *args, log, **options))
    kinds = log.problems.values()
    return Reading(docs, sorted(p for kind in kinds for p in kind.first), log)


def entities_of(doc: Doc) -> List[Tuple[str, str]]:
    return [(span.text, span.label_) for span in doc.ents]


def iobs_of(doc: Doc) -> str:
    """RETURNS (str): What each token is: B, I, O, or ? where annotation is missing."""
    return "".join(token.ent_iob_ or "?" for token in doc)
