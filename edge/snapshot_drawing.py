"""What the picture of a snapshot is drawn of: fonts, the smiley, the bar, the strip."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from edge.wire import FaceState, StripPoint
from edge.wire.smile_index import BEFORE_S

FONTS = Path("/usr/share/fonts/truetype/dejavu")
PLAIN = "DejaVuSans.ttf"
BOLD = "DejaVuSans-Bold.ttf"

INK = "#16202c"
MUTED = "#51606f"
PAPER = "#ffffff"
PANEL = "#eef2f6"
RULE = "#c3ccd6"
SMILE = "#0f7b53"
CALM = "#46617f"
NOBODY = "#9aa7b4"

# Pillow draws circles and arcs without smoothing: they are drawn larger and shrunk.
_FINE = 4

Area = tuple[int, int, int, int]


@cache
def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """A font of the package fonts-dejavu-core, which has Latin and Cyrillic. Raises OSError where it is missing."""
    # The simple layout is the same with every build of the library.
    return ImageFont.truetype(FONTS / name, size, layout_engine=ImageFont.Layout.BASIC)


def colour_of(probability: float | None, threshold: float) -> str:
    """A smile, a calm face, or nobody: told apart by lightness as well as by hue."""
    if probability is None:
        return NOBODY
    return SMILE if probability >= threshold else CALM


def smiley(side: int, probability: float | None, threshold: float) -> Image.Image:
    """A drawn face whose mouth bends with the probability; without a probability it has none."""
    big = side * _FINE
    image = Image.new("RGBA", (big, big))
    draw = ImageDraw.Draw(image)
    colour = colour_of(probability, threshold)
    width = max(1, big // 18)
    draw.ellipse((width, width, big - width, big - width), fill=PAPER, outline=colour, width=width)
    if probability is None:
        draw.line((big * 0.32, big * 0.5, big * 0.68, big * 0.5), fill=colour, width=width)
        return image.resize((side, side), Image.Resampling.LANCZOS)
    eye = big * 0.065
    for x in (0.35, 0.65):
        draw.ellipse((big * x - eye, big * 0.4 - eye, big * x + eye, big * 0.4 + eye), fill=colour)
    bend = (probability - threshold) * 0.28
    points = [(big * (0.3 + 0.4 * n / 24), big * (0.64 + bend * (1 - (n / 12 - 1) ** 2))) for n in range(25)]
    draw.line(points, fill=colour, width=width, joint="curve")
    for x, y in (points[0], points[-1]):
        draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=colour)
    return image.resize((side, side), Image.Resampling.LANCZOS)


def bar(draw: ImageDraw.ImageDraw, area: Area, probability: float | None, threshold: float) -> None:
    """A lying bar from 0 to 100 % with a mark at the threshold."""
    left, top, right, bottom = area
    draw.rectangle(area, fill=PAPER, outline=RULE)
    if probability is not None:
        draw.rectangle(
            (left, top, left + round((right - left) * probability), bottom), fill=colour_of(probability, threshold)
        )
    mark = left + round((right - left) * threshold)
    draw.line((mark, top - 5, mark, bottom + 5), fill=INK, width=2)


def strip(
    draw: ImageDraw.ImageDraw, area: Area, points: Sequence[StripPoint], threshold: float, text: ImageFont.FreeTypeFont
) -> None:
    """The seconds before the press as standing bars over a time axis; the press is at the right end."""
    left, top, right, bottom = area
    draw.rectangle(area, fill=PAPER, outline=RULE)
    step = (right - left) / BEFORE_S
    height = bottom - top
    for point in points:
        x = left + (point.offset_s + BEFORE_S) * step
        cell = (round(x) + 1, round(x + step) - 1)
        if point.state is FaceState.NO_DATA:
            _hatch(draw, (cell[0], top + 1, cell[1], bottom - 1))
        elif point.probability is None:
            draw.rectangle((cell[0], bottom - 4, cell[1], bottom - 1), fill=NOBODY)
        else:
            # A face that does not smile at all is still more than nobody.
            y = bottom - max(6, round(height * point.probability))
            draw.rectangle((cell[0], y, cell[1], bottom - 1), fill=colour_of(point.probability, threshold))
    level = bottom - round(height * threshold)
    for start in range(left, right, 10):
        draw.line((start, level, min(start + 4, right), level), fill=INK)
    for offset_s in range(-BEFORE_S, 1, 5):
        x = round(left + (offset_s + BEFORE_S) * step)
        draw.line((x, bottom, x, bottom + 6), fill=INK)
        label = "0" if offset_s == 0 else f"\N{MINUS SIGN}{-offset_s}"
        draw.text((x, bottom + 8), label, fill=MUTED, font=text, anchor="mt")
    draw.line((right, top - 8, right, bottom + 6), fill=INK, width=3)


def swatch(draw: ImageDraw.ImageDraw, area: Area, key: str) -> None:
    """The legend of one colour of the strip: smile, calm, nobody, or unseen for where the camera saw nothing."""
    if key == "unseen":
        _hatch(draw, area)
        draw.rectangle(area, outline=RULE)
    else:
        draw.rectangle(area, fill={"smile": SMILE, "calm": CALM, "nobody": NOBODY}[key])


def _hatch(draw: ImageDraw.ImageDraw, area: Area) -> None:
    left, top, right, bottom = area
    draw.rectangle(area, fill=PANEL)
    for y in range(top + 3, bottom - 2, 6):
        draw.line((left, y + 3, right, y), fill=RULE)
