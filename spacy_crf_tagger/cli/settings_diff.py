"""What is different between two configs, setting by setting."""

import json
from typing import Any, Callable, Dict, Iterator, List, Tuple

from thinc.api import Config


def diff_settings(
    before: Config, after: Config, wanted: Callable[[str], bool] = lambda _: True
) -> List[str]:
    """Compare the settings of two configs, whatever their order.

    before (Config): A config, with its variables.
    after (Config): What has become of it.
    wanted (Callable[[str], bool]): Whether settings that are new in a section are
        listed.
    RETURNS (List[str]): Lines as in a diff: sections that differ, and the settings that
        they have lost (`-`) and got (`+`).
    """
    old, new = dict(_flatten(before)), dict(_flatten(after))
    by_section: Dict[str, List[str]] = {}
    for path in [*old, *(path for path in new if path not in old)]:
        section, key = path
        is_new = path not in old
        if (is_new and not wanted(section)) or old.get(path) == new.get(path):
            continue
        lines = by_section.setdefault(section, [])
        lines += [f"-{key} = {old[path]}"] if not is_new else []
        lines += [f"+{key} = {new[path]}"] if path in new else []
    return [
        line
        for section, lines in sorted(by_section.items())
        for line in (f"[{section}]", *lines)
    ]


def _flatten(
    tree: Dict[str, Any], section: str = ""
) -> Iterator[Tuple[Tuple[str, str], str]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{section}.{key}".lstrip("."))
        else:
            yield (section, key), _format(value)


def _format(value: Any) -> str:
    # A variable has no quotes in a config.
    if isinstance(value, str) and value.startswith("${"):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)
