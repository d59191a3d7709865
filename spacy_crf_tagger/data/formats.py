"""Find out what format a file has, and name the formats that are not read."""

import json
import re
from enum import Enum
from itertools import islice
from pathlib import Path
from typing import Iterator, Optional, Union

from .foreign import holds_spans, name_format, name_markup, name_table
from .label_studio import is_label_studio
from .read_conllu_plus import is_conllu_plus
from .read_doccano import KEYS
from .read_hf import is_hf
from .read_spacy_json import is_spacy_json
from .read_webanno import is_webanno
from .reading import numbered_lines
from .span_table import is_span_table


class Format(str, Enum):
    """The formats that can be read."""

    auto = "auto"
    jsonl = "jsonl"
    conll = "conll"
    doccano = "doccano"
    label_studio = "label-studio"
    hf = "hf"
    brat = "brat"
    spacy_json = "spacy-json"
    spacy = "spacy"
    conllu_plus = "conllu-plus"
    webanno = "webanno"
    csv = "csv"


SUFFIXES = {
    ".jsonl": Format.jsonl,
    ".ndjson": Format.jsonl,
    ".conll": Format.conll,
    ".iob": Format.conll,
    ".bio": Format.conll,
    ".tsv": Format.conll,
    ".conllup": Format.conllu_plus,
    ".spacy": Format.spacy,
    ".parquet": Format.hf,
}
# The first key or string of a JSON document, after the brackets that open it. A token
# such as [ or { has a tag after it.
_JSON = re.compile(r'\s*(\[[\[\s]*\{?|\{)\s*("([^"\\\n]|\\.)*"\s*[:,\]]|[\]}]\s*$)')
_KEY = re.compile(r'"(\w+)"\s*:')
_SEPARATED = re.compile(r"^[^\t]*[,;][^\t]*$")
_BLANKS = re.compile(r"[\s,]*")
_MOST_VALUES = 1000


def detect_format(path: Path, head: str) -> Format:
    """Find out what a file is: by its first JSON values that tell, otherwise by its
    suffix.

    path (Path): Where the file is.
    head (str): The beginning of its content.
    RETURNS (Format): The format.
    """
    first = _first_line(head)
    named = _named_by(first)
    if named is not None:
        return named
    value = _parse(first)
    is_json = bool(_JSON.match(head)) or isinstance(value, dict)
    found = _recognise(head) if is_json else None
    if found is not None:
        return found
    if isinstance(value, dict) and value:
        return Format.jsonl
    if path.suffix.lower() in SUFFIXES:
        return SUFFIXES[path.suffix.lower()]
    # A line that is longer than the beginning, or damaged.
    return Format.jsonl if _JSON.match(first) else Format.conll


def _named_by(first: str) -> Optional[Format]:
    """RETURNS (Optional[Format]): The format that a first line names."""
    if is_webanno(first):
        return Format.webanno
    if is_conllu_plus(first):
        return Format.conllu_plus
    return Format.csv if is_span_table(first) else None


def _recognise(head: str) -> Optional[Format]:
    """RETURNS (Optional[Format]): Of which tool the first values are that tell."""
    may_be_doccano = False
    for value in islice(_values(head), _MOST_VALUES):
        if isinstance(value, dict) and value.get("spans") is not None:
            return None  # of Prodigy, or of our own
        if is_label_studio(value):
            return Format.label_studio
        if is_spacy_json(value):
            return Format.spacy_json
        if is_hf(value):
            return Format.hf
        if isinstance(value, dict) and isinstance(
            value.get("text", value.get("data")), str
        ):
            lists = [value[key] for key in KEYS if isinstance(value.get(key), list)]
            if any(map(holds_spans, lists)):
                return Format.doccano
            # An empty list may be anybody's.
            may_be_doccano = may_be_doccano or [] in lists
    return Format.doccano if may_be_doccano else None


def _values(head: str) -> Iterator[object]:
    """YIELDS (object): The values of JSON in the beginning of a file: those of an array
    of objects or arrays, or one after another.
    """
    position = _skip(head, 0)
    opening = re.compile(r"\[\s*[\[{]").match(head, position)
    if opening is not None:
        position += 1
    decoder = json.JSONDecoder()
    while (position := _skip(head, position)) < len(head):
        try:
            value, position = decoder.raw_decode(head, position)
        except (ValueError, RecursionError):
            # Damaged: the next line may be whole.
            position = head.find("\n", position) + 1
            if opening is not None or not position:
                return
            continue
        yield value


def _skip(text: str, position: int) -> int:
    match = _BLANKS.match(text, position)
    return position if match is None else match.end()


def find_other_format(path: Path, head: str) -> Optional[str]:
    """Find out whether a file is JSON, but not one object a line, or a table.

    path (Path): Where the file is.
    head (str): The beginning of its content.
    RETURNS (Optional[str]): What it is and what to do about it; None if it is not that.
    """
    first = _first_line(head)
    value = _parse(first)
    named = name_table(first) or name_markup(head)
    if named is not None:
        return f"it is {named}"
    if path.suffix.lower() == ".csv" and value is None and _SEPARATED.search(first):
        return (
            f"it is a table whose first line is {first.strip()!r:.80}. A table of "
            "spans has columns called doc_id, start, end and label"
        )
    if isinstance(value, dict) or (value is None and not _JSON.match(head)):
        return None
    opening = head.lstrip()[0]
    if value is None and opening == "{" and first.strip() != "{":
        # A line that is damaged, or longer than the beginning, or of many.
        is_cut = "\n" not in head.strip()
        if is_cut or path.suffix.lower() != ".json":
            return None
    # A list without objects may be a token without a tag, such as [1].
    is_token = isinstance(value, list) and not any(isinstance(x, dict) for x in value)
    if is_token and path.suffix.lower() in SUFFIXES:
        return None
    kind = "array" if opening == "[" else "object"
    keys = _KEY.findall(head)
    name = name_format(keys)
    looks = "" if name is None or "spans" in keys else f" It looks like {name}."
    return (
        f"it is one JSON {kind}, not JSON lines.{looks} Write one object a line: "
        '{"text": …, "spans": [{"start": …, "end": …, "label": …}]}, start and end in '
        "characters. An array of such objects is taken apart by: jq -c '.[]' "
        f"{path} > lines.jsonl"
    )


def _first_line(head: str) -> str:
    return next((line for _, line in numbered_lines(head) if line.strip()), "")


def _parse(line: str) -> Union[dict[str, object], list[object], None]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, (dict, list)) else None
