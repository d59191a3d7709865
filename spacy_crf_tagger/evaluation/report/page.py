"""Reports as HTML, Markdown or JSON."""

import json
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape

from .charts import Marked, draw_chart, draw_interval, draw_transitions
from .model import Change, Report, Section, to_plain
from .pieces import cut_pieces, format_probability
from .scores import Bounds
from .sentences import Sentence

FORMATS = (".html", ".md", ".json")
_TEMPLATES = Path(__file__).parent / "templates"
_NO_VALUE = "–"
_MOST_BYTES = 4_000_000  # of a page
_BYTES_OF_SECTION = 700_000  # besides errors
_LEAST_BYTES = 200_000
_MOST_IN_MARKDOWN = 100


class Shown(NamedTuple):
    """The groups that there is room for.

    groups (Sequence): The groups.
    n_left_out (int): How many others there are.
    """

    groups: Sequence[Any]
    n_left_out: int


def render(report: Report, ending: str) -> str:
    """Write a report.

    report (Report): The report.
    ending (str): Of the file: `.html`, `.md` or `.json`.
    RETURNS (str): Its content.
    RAISES (ValueError): If there is no format of this ending.
    """
    check_format(ending)
    if ending == ".json":
        return json.dumps(to_plain(report), ensure_ascii=False, indent=1) + "\n"
    if ending == ".md":
        return _render_markdown(report)
    return _render_page(report)


def check_format(ending: str) -> None:
    """Check that there is a format.

    ending (str): The ending of the file.
    RAISES (ValueError): If there is none.
    """
    if ending not in FORMATS:
        raise ValueError(
            f"a report ends in {', '.join(FORMATS)}, which says what it is written as, "
            f"not in {ending!r}."
        )


def percent(value: Optional[float]) -> str:
    """RETURNS (str): A share in percent, with one decimal."""
    return _NO_VALUE if value is None else f"{100 * value:.1f}"


def bounds(value: Optional[Bounds]) -> str:
    """RETURNS (str): Two shares in percent."""
    return "" if value is None else f"{percent(value[0])}–{percent(value[1])}"


def signed(value: float) -> str:
    """RETURNS (str): A difference of shares in percent, with its sign."""
    return f"{100 * value:+.1f}".replace("-", "−")


def _render_page(report: Report) -> str:
    environment = _environment(autoescape=True)
    style, script = (
        Markup((_TEMPLATES / name).read_text("utf8"))
        for name in ("page.css", "page.js")
    )
    room = _MOST_BYTES // max(len(report.sections), 1) - _BYTES_OF_SECTION
    return environment.get_template("page.html.jinja").render(
        report=report,
        style=style,
        script=script,
        charts=[_charts(section) for section in report.sections],
        errors=[_fit(section, room) for section in report.sections],
        changes=[_fit_changes(section, room // 4) for section in report.sections],
        interval=draw_interval,
        transitions=draw_transitions,
        pieces=cut_pieces,
    )


def _render_markdown(report: Report) -> str:
    environment = _environment(autoescape=False)
    environment.filters["md"] = _escape_markdown
    return environment.get_template("report.md.jinja").render(
        report=report, most=_MOST_IN_MARKDOWN
    )


def _environment(*, autoescape: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=autoescape,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        percent=percent,
        bounds=bounds,
        signed=signed,
        probability=format_probability,
        nothing=lambda text: text or _NO_VALUE,
    )
    return environment


def _charts(section: Section) -> Dict[str, Markup]:
    """RETURNS (Dict[str, Markup]): The pictures of a section, by name."""
    found: Dict[str, Markup] = {}
    if section.calibration is not None:
        found["calibration"] = draw_chart(
            "Share that is right over mean probability, in groups of the same size",
            "mean probability",
            "share that is right",
            [(b.score, b.correct) for b in section.calibration.bins],
            diagonal=True,
            dots=True,
        )
    if section.unit == "entity" and section.curve:
        found["curve"] = draw_chart(
            "Precision over recall, for every threshold",
            "recall",
            "precision",
            [(point.recall, point.precision) for point in section.curve],
            marked=[_present(section)],
        )
    return found


def _present(section: Section) -> Marked:
    overall, threshold = section.overall, section.threshold
    name = "no threshold" if threshold is None else f"threshold {threshold:g}"
    return Marked(overall.recall or 0.0, overall.precision or 0.0, f"now: {name}")


def _fit(section: Section, room: int) -> Shown:
    """RETURNS (Shown): The most frequent errors, as many as there is room for."""
    groups = section.errors.groups
    return _cut(groups, (_size(group.text, group.sentences) for group in groups), room)


def _fit_changes(section: Section, room: int) -> Shown:
    changes: List[Change] = []
    if section.difference is not None:
        changes = section.difference.changes
    sizes = (_size(each.text, [*each.ours, *each.theirs]) for each in changes)
    return _cut(changes, sizes, room)


def _cut(groups: Sequence[Any], sizes: Iterable[int], room: int) -> Shown:
    room = max(room, _LEAST_BYTES)
    n_shown = 0
    for size in sizes:
        room -= size
        if room < 0:
            break
        n_shown += 1
    return Shown(groups[:n_shown], len(groups) - n_shown)


def _size(text: str, sentences: Sequence[Sentence]) -> int:
    """RETURNS (int): About how many bytes a group takes on the page."""
    total = 400 + len(escape(text).encode())
    for sentence in sentences:
        marks = [*sentence.gold, *sentence.predicted]
        names = sum(len(escape(mark.label).encode()) for mark in marks)
        shown = len(escape(sentence.text + sentence.place).encode())
        total += 100 + shown + names + 65 * (len(marks) + 1)
    return total


_MARKDOWN = str.maketrans({c: f"\\{c}" for c in "\\`*_[]|#~"} | {"<": "&lt;"})


def _escape_markdown(text: str) -> str:
    return " ".join(text.split()).replace("&", "&amp;").translate(_MARKDOWN)
