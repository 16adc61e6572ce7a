"""The level of an alarm over time as a small drawing: how evidence added up, the threshold, the raise."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from cloud_bridge.web.i18n import Translator

WIDTH, HEIGHT = 720, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 8, 26, 24


class Dot(Struct, frozen=True):
    """An event: its place in the drawing, and its words."""

    x: float
    y: float
    text: str


class LevelChart(Struct, frozen=True, kw_only=True):
    """All coordinates are of a drawing `WIDTH` by `HEIGHT`."""

    width: int
    height: int
    line: str
    dots: tuple[Dot, ...]
    threshold_y: float
    base_y: float
    raised_x: float
    late: bool
    threshold: str
    first: str
    last: str
    summary: str


def level_chart(
    words: Translator, levels: Sequence[tuple[int, float]], h: float, raised_ns: int, cleared_ns: int | None
) -> LevelChart:
    """The drawing of levels after each event (Unix ns, level), at least one."""
    begin_ns = levels[0][0]
    end_ns = max(levels[-1][0], min(cleared_ns or 0, levels[-1][0] + (levels[-1][0] - begin_ns) // 2), begin_ns + 1)
    top = max(h, *(level for _, level in levels)) * 1.05

    def x(at_ns: int) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * (at_ns - begin_ns) / (end_ns - begin_ns), 1)

    def y(level: float) -> float:
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * level / top, 1)

    dots = tuple(Dot(x(at_ns), y(level), words.moment(at_ns)) for at_ns, level in levels)
    points = [(dots[0].x, y(0)), *[(dot.x, dot.y) for dot in dots]]
    if cleared_ns is not None and x(end_ns) > dots[-1].x:
        # The level is back at 0 where the alarm is cleared, even where the drawing ends before it.
        points.append((x(end_ns), y(0) if cleared_ns <= end_ns else dots[-1].y))
    digits = 0 if float(h).is_integer() else 2
    return LevelChart(
        width=WIDTH,
        height=HEIGHT,
        line=" ".join(f"{a},{b}" for a, b in points),
        dots=dots,
        threshold_y=y(h),
        base_y=y(0),
        raised_x=x(raised_ns),
        late=x(raised_ns) > WIDTH / 2,
        threshold=words("alarms.chart_threshold", h=words.number(h, digits)),
        first=words.moment(begin_ns),
        last=words.moment(end_ns),
        summary=words(
            "alarms.chart_summary", h=words.number(h, digits), top=words.number(max(v for _, v in levels), 1)
        ),
    )
