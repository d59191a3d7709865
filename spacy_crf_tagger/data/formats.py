"""Find out what format a file has, and name the formats that are not read."""

import json
import re
from enum import Enum
from pathlib import Path
from typing import Optional, Union

from .foreign import name_format
from .reading import numbered_lines


class Format(str, Enum):
    """The formats that can be read."""

    auto = "auto"
    jsonl = "jsonl"
    conll = "conll"


_SUFFIXES = {
    ".jsonl": Format.jsonl,
    ".ndjson": Format.jsonl,
    ".conll": Format.conll,
    ".iob": Format.conll,
    ".bio": Format.conll,
    ".tsv": Format.conll,
}
# The first key or string of a JSON document, after the brackets that open it. A token
# such as [ or { has a tag after it.
_JSON = re.compile(r'\s*(\[[\[\s]*\{?|\{)\s*("([^"\\\n]|\\.)*"\s*[:,\]]|[\]}]\s*$)')
_KEY = re.compile(r'"(\w+)"\s*:')


def detect_format(path: Path, head: str) -> Format:
    """Find out what a file is: by its first line if that is a JSON object, otherwise by
    its suffix.

    path (Path): Where the file is.
    head (str): The beginning of its content.
    RETURNS (Format): The format.
    """
    first = _first_line(head)
    if isinstance(_parse(first), dict) and _parse(first):
        return Format.jsonl
    if path.suffix.lower() in _SUFFIXES:
        return _SUFFIXES[path.suffix.lower()]
    # A line that is longer than the beginning, or damaged.
    return Format.jsonl if _JSON.match(first) else Format.conll


def find_other_format(path: Path, head: str) -> Optional[str]:
    """Find out whether a file is JSON, but not one object a line.

    path (Path): Where the file is.
    head (str): The beginning of its content.
    RETURNS (Optional[str]): What it is and what to do about it; None if it is not that.
    """
    first = _first_line(head)
    value = _parse(first)
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
    if is_token and path.suffix.lower() in _SUFFIXES:
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
