"""What an export of Label Studio holds: tasks, as JSON or as JSON-MIN has them."""

from itertools import groupby
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set

from .reading import Log, Problem
from .records import Record, read_records
from .source import Source
from .texts import NOT_AN_OBJECT

_OF_MARKUP = ("hypertextlabels", "paragraphlabels")
# What JSON-MIN puts beside the data of a task.
_META = (
    "id",
    "annotator",
    "annotation_id",
    "created_at",
    "updated_at",
    "lead_time",
)


class Region(NamedTuple):
    """A span that somebody marked.

    start (object): Its first character.
    end (object): The character after its last.
    labels (List[object]): Its labels: `[None]` if there are none.
    covered (object): The text that it covers.
    raw (object): What the file has.
    """

    start: object
    end: object
    labels: List[object]
    covered: object
    raw: object


class Annotation(NamedTuple):
    """What somebody marked in a text.

    names (Set[str]): Whatever the annotator is called, in lower case.
    regions (List[Region]): The spans.
    of_markup (List[str]): Spans of HTML or dialogues.
    unreadable (List[str]): What nobody understands.
    """

    names: Set[str]
    regions: List[Region]
    of_markup: List[str]
    unreadable: List[str]


class Task(NamedTuple):
    """A text that people were to annotate.

    line (int): The line that it starts in.
    name (str): What to call it.
    data (Dict[str, Any]): Its text, among other things.
    annotations (List[Annotation]): One for each person who did so.
    """

    line: int
    name: str
    data: Dict[str, Any]
    annotations: List[Annotation]

    def fits(self, text: str) -> bool:
        """Find out whether a text can be the one that people annotated.

        text (str): The text.
        RETURNS (bool): Whether there are spans, and all are of this text.
        """
        covered = [r.covered for each in self.annotations for r in each.regions]
        return bool(covered) and all(isinstance(c, str) and c in text for c in covered)


def read_tasks(source: Source, log: Log) -> Iterator[Task]:
    """Read the tasks of a file.

    source (Source): The file.
    log (Log): Where to report what is no task.
    YIELDS (Task): The tasks. Records of JSON-MIN that stand side by side and have the
        same `id` are one.
    RAISES (UnreadableError): If the file cannot be read.
    """
    for _, group in groupby(read_records(source, log), _key_of):
        task: Optional[Task] = None
        for record in group:
            value = record.value
            if not isinstance(value, dict):
                culprit = f"{record.name}: {value!r:.60}"
                log.lose(Problem(record.line, NOT_AN_OBJECT, culprit))
            elif isinstance(value.get("data"), dict):
                yield _parse_task(record, value)
            elif task is None:
                task = _parse_min(record, value)
            else:
                task.annotations.extend(_parse_min(record, value).annotations)
        if task is not None:
            yield task


def is_label_studio(value: object) -> bool:
    """Find out whether something is a task.

    value (object): A value of JSON.
    RETURNS (bool): Whether Label Studio exports such.
    """
    if not isinstance(value, dict):
        return False
    if isinstance(value.get("data"), dict):
        return any(key in value for key in ("annotations", "completions"))
    has_regions = any(map(_holds_regions, value.values()))
    return has_regions or {"annotator", "annotation_id"} <= value.keys()


def _key_of(record: Record) -> object:
    value = record.value
    if not isinstance(value, dict) or "data" in value or "id" not in value:
        return record.line, record.name
    texts = [each for key, each in value.items() if key == "text"]
    return repr(value["id"]), repr(texts)


def _parse_task(record: Record, value: Dict[str, Any]) -> Task:
    found: List[Annotation] = []
    name = _name(record, value)
    several = value.get("annotations")
    if several is None:
        several = value.get("completions")
    if several is not None and not isinstance(several, list):
        several = [several]
    for each in several or []:
        if not isinstance(each, dict):
            found.append(Annotation(set(), [], [], [repr(each)]))
        elif not (each.get("was_cancelled") or each.get("skipped")):
            found.append(_parse_annotation(each))
    return Task(record.line, name, value["data"], found)


def _parse_annotation(value: Dict[str, Any]) -> Annotation:
    annotation = Annotation(_names_of(value), [], [], [])
    result = value.get("result")
    if not isinstance(result, list):
        annotation.unreadable.append(f"result {result!r}")
        return annotation
    for item in result:
        if not isinstance(item, dict) or not isinstance(item.get("type"), str):
            annotation.unreadable.append(repr(item))
        elif item["type"] in _OF_MARKUP:
            annotation.of_markup.append(repr(item.get("value")))
        elif item["type"] == "labels":
            annotation.regions.append(_parse_region(item.get("value")))
    return annotation


def _parse_region(value: object) -> Region:
    if not isinstance(value, dict):
        return Region(None, None, [None], None, value)
    labels = value.get("labels")
    if not isinstance(labels, list) or not labels:
        labels = [None]
    return Region(
        value.get("start"), value.get("end"), labels, value.get("text") or None, value
    )


def _parse_min(record: Record, value: Dict[str, Any]) -> Task:
    data = {key: each for key, each in value.items() if key not in _META}
    lists = [key for key in data if _holds_regions(data[key])]
    regions = [_parse_region(each) for key in lists for each in data.pop(key)]
    found: List[Annotation] = []
    # Without any span the list is not there at all.
    is_done = any(value.get(key) is not None for key in ("annotator", "annotation_id"))
    empty = [key for key in ("label", "labels", "ner") if value.get(key) == []]
    odd = [key for key in ("label", "labels") if data.get(key) and key not in lists]
    if lists or empty or odd or is_done:
        culprits = [f"{key} {data[key]!r}" for key in odd]
        found.append(Annotation(_names_of(value), regions, [], culprits))
    return Task(record.line, _name(record, value), data, found)


def _holds_regions(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and any(isinstance(x, dict) and "start" in x and "labels" in x for x in value)
    )


def _name(record: Record, value: Dict[str, Any]) -> str:
    return f"task {value['id']}" if value.get("id") is not None else record.name


def _names_of(value: Dict[str, Any]) -> Set[str]:
    """RETURNS (Set[str]): Number, name and address of an annotator."""
    who = value.get("completed_by", value.get("annotator"))
    names: List[object] = [who]
    if isinstance(who, dict):
        names = [who.get(key) for key in ("id", "email", "username")]
        full = [who.get("first_name"), who.get("last_name")]
        names.append(" ".join(str(part) for part in full if part))
    created = value.get("created_username")
    if isinstance(created, str):  # "name, number"
        names.extend(created.split(","))
    texts = {str(name).strip().casefold() for name in names if name is not None}
    return texts - {""}
