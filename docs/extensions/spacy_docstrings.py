"""Read docstrings in spaCy's style: an extension of Griffe, for mkdocstrings.

The docstrings of this package, as those of spaCy, list what a function takes as
`name (type): what`, and end with `RETURNS (type): what`. Griffe does not know that
style, so the lists are rewritten in Google's before it parses them.
"""

import re
from typing import Any, List, Tuple

import griffe

# `name (type): what`. A type may hold brackets; what follows it is on the same line.
_ITEM = re.compile(r"(\*{0,2}\w+) \((.+?)\): (.*)")
_SECTIONS = {"RETURNS": "Returns", "YIELDS": "Yields", "RAISES": "Raises"}


def to_google_style(text: str, *, is_class: bool = False) -> str:
    """Rewrite a docstring from spaCy's style to Google's.

    text (str): The docstring, without the indent of its lines.
    is_class (bool): Whether it is that of a class, whose items are attributes.
    RETURNS (str): The same, with `Args:` (or `Attributes:`), `Returns:`, `Yields:` and
        `Raises:`.
    """
    prose: List[str] = []
    items: List[Tuple[str, str]] = []  # the section of each item, and what it says
    is_item = False
    for line in text.splitlines():
        match = _ITEM.fullmatch(line)
        if match is not None:
            name, annotation, what = match.groups()
            section = _SECTIONS.get(name)
            if section is None:
                section = "Attributes" if is_class else "Args"
                items.append((section, f"{name} ({annotation}): {what}"))
            else:
                items.append((section, f"{annotation}: {what}"))
            is_item = True
        elif is_item and line.startswith("    "):
            section, item = items.pop()
            items.append((section, f"{item} {line.strip()}"))
        else:
            is_item = False
            prose.append(line)
    lines = "\n".join(prose).strip().splitlines()
    previous = None
    for section, item in items:
        if section != previous:
            lines += ["", f"{section}:"]
            previous = section
        lines.append(f"    {item}")
    return "\n".join(lines).strip()


class SpacyDocstrings(griffe.Extension):
    """Rewrites the docstring of every object that Griffe has found."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrite the docstring of an object.

        obj (griffe.Object): A module, class, function or attribute.
        """
        if obj.docstring is not None:
            is_class = obj.is_class or obj.is_module
            obj.docstring.value = to_google_style(
                obj.docstring.value, is_class=is_class
            )
