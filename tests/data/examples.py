from typing import Callable, List, NamedTuple

from hypothesis import settings
from spacy.tokens import Doc

from spacy_crf_tagger.data.reading import Log, Problem, numbered_lines

seeded = settings(max_examples=150, deadline=None, derandomize=True)


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
