"""Charts as SVG inside a page, whose style sheet colours them."""

from typing import List, NamedTuple, Optional, Sequence, Tuple

from markupsafe import Markup

from .model import Transitions
from .scores import Score

_WIDTH, _HEIGHT = 340, 320
_LEFT, _TOP, _SIZE = 46, 12, 260  # of the square that is drawn in
_CELL = 12

Point = Tuple[float, float]


class Marked(NamedTuple):
    """A point with a name.

    x (float): Where it is, from 0 to 1.
    y (float): Where it is, from 0 to 1.
    name (str): The name.
    """

    x: float
    y: float
    name: str


def draw_interval(score: Score) -> Markup:
    """Draw F and its bounds on a line from 0 to 1.

    score (Score): The score.
    RETURNS (Markup): The picture; nothing without F.
    """
    if score.f is None:
        return Markup("")
    parts = [Markup('<line class="axis" x1="0" x2="100" y1="6" y2="6"/>')]
    if score.f_bounds is not None:
        low, high = (100 * each for each in score.f_bounds)
        line = '<line class="bounds" x1="{:.1f}" x2="{:.1f}" y1="6" y2="6"/>'
        parts.append(Markup(line).format(low, high))
    dot = '<circle class="dot" cx="{:.1f}" cy="6" r="3"/>'
    parts.append(Markup(dot).format(100 * score.f))
    svg = '<svg class="interval" viewBox="-4 0 108 12" aria-hidden="true">{}</svg>'
    return Markup(svg).format(Markup("").join(parts))


def draw_chart(
    title: str,
    x_label: str,
    y_label: str,
    points: Sequence[Point],
    *,
    marked: Sequence[Marked] = (),
    diagonal: bool = False,
    dots: bool = False,
) -> Markup:
    """Draw a line between 0 and 1.

    title (str): What it shows, for those who do not see it.
    x_label (str): What goes from left to right.
    y_label (str): What goes from bottom to top.
    points (Sequence[Tuple[float, float]]): The points of the line.
    marked (Sequence[Marked]): Points with a name.
    diagonal (bool): Whether to draw the diagonal.
    dots (bool): Whether to show the points.
    RETURNS (Markup): The picture.
    """
    parts: List[Markup] = []
    for tick in range(0, 11, 2):
        x, y = _at(tick / 10, tick / 10)
        grid = '<path class="grid" d="M{x} {top}V{bottom}M{left} {y}H{right}"/>'
        edges = {"left": _LEFT, "right": _LEFT + _SIZE}
        ends = {"top": _TOP, "bottom": _TOP + _SIZE}
        parts.append(Markup(grid).format(x=x, y=y, **edges, **ends))
        text = '<text x="{}" y="{}" class="{}">{}</text>'
        number = f"{tick / 10:.1f}"
        parts.append(Markup(text).format(x, _TOP + _SIZE + 14, "middle", number))
        parts.append(Markup(text).format(_LEFT - 6, y + 4, "end", number))
    if diagonal:
        (x0, y0), (x1, y1) = _at(0, 0), _at(1, 1)
        line = '<line class="diagonal" x1="{}" y1="{}" x2="{}" y2="{}"/>'
        parts.append(Markup(line).format(x0, y0, x1, y1))
    path = " ".join(f"{x},{y}" for x, y in (_at(*point) for point in points))
    parts.append(Markup('<polyline class="line" points="{}"/>').format(path))
    if dots:
        for x, y in (_at(*point) for point in points):
            dot = '<circle class="dot" cx="{}" cy="{}" r="3"/>'
            parts.append(Markup(dot).format(x, y))
    for each in marked:
        x, y = _at(each.x, each.y)
        dot = '<circle class="mark" cx="{}" cy="{}" r="5"/>'
        side, shift = ("end", -9) if each.x > 0.5 else ("start", 9)
        name = '<text class="{} name" x="{}" y="{}">{}</text>'
        below = y + 16 if each.y > 0.5 else y - 8
        parts.append(Markup(dot).format(x, y))
        parts.append(Markup(name).format(side, x + shift, below, each.name))
    middle = _LEFT + _SIZE // 2
    text = '<text class="middle" x="{}" y="{}">{}</text>'
    parts.append(Markup(text).format(middle, _HEIGHT - 8, x_label))
    turned = '<text class="middle" transform="translate(12 {}) rotate(-90)">{}</text>'
    parts.append(Markup(turned).format(_TOP + _SIZE // 2, y_label))
    svg = '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    return Markup(svg).format(_WIDTH, _HEIGHT, title, Markup("").join(parts))


def draw_transitions(transitions: Transitions) -> Markup:
    """Draw the scores of pairs of tags as coloured squares.

    transitions (Transitions): The scores.
    RETURNS (Markup): The picture.
    """
    tags = transitions.tags
    longest = max(map(len, tags), default=0)
    margin = 7 * min(longest, 24) + 8
    most = max((abs(s) for row in transitions.scores for s in row if s), default=1.0)
    parts: List[Markup] = []
    for row, (tag, scores) in enumerate(zip(tags, transitions.scores, strict=True)):
        y = margin + row * _CELL
        name = '<text class="end" x="{}" y="{}">{}</text>'
        parts.append(Markup(name).format(margin - 4, y + 10, _short(tag)))
        across = '<text transform="translate({} {}) rotate(-90)">{}</text>'
        parts.append(Markup(across).format(y + 10, margin - 4, _short(tag)))
        for column, score in enumerate(scores):
            x = margin + column * _CELL
            parts.append(_cell(x, y, score, most, f"{tag} → {tags[column]}"))
    side = margin + len(tags) * _CELL + 4
    svg = (
        '<svg class="heat" viewBox="0 0 {0} {0}" style="width:{0}px" role="img" '
        'aria-label="Score of each tag behind another">{1}</svg>'
    )
    return Markup(svg).format(side, Markup("").join(parts))


def _cell(x: int, y: int, score: Optional[float], most: float, name: str) -> Markup:
    if score is None:
        rect = '<rect class="never" x="{}" y="{}" width="11" height="11"/>'
        return Markup(rect).format(x, y)
    rect = (
        '<rect class="{}" x="{}" y="{}" width="11" height="11" fill-opacity="{:.2f}">'
        "<title>{}: {:.2f}</title></rect>"
    )
    kind, strength = "plus" if score >= 0 else "minus", abs(score) / (most or 1.0)
    return Markup(rect).format(kind, x, y, strength, name, score)


def _short(tag: str) -> str:
    return tag if len(tag) <= 24 else f"{tag[:23]}…"


def _at(x: float, y: float) -> Point:
    return round(_LEFT + _SIZE * x, 1), round(_TOP + _SIZE * (1 - y), 1)
