"""The picture of a snapshot, as a manager reads it at a glance: the client, a smiley, the index, the time before."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta, tzinfo

from PIL import Image, ImageDraw

from edge import snapshot_drawing as drawn
from edge.config import ConfigError
from edge.snapshot_look import Seen
from edge.web.words import catalogue
from edge.wire import FaceState, IndexData, SnapshotData, Stamp
from edge.wire.smile_index import SHOWN_FROM, Publishing, publishing

WIDTH_PX, HEIGHT_PX = 960, 680
_PHOTO = (20, 70, 600, 505)
_SIDE = (620, 70, 940, 505)
_STRIP = (40, 560, 920, 630)
_QUALITY = 85
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Renderer:
    """Draws snapshots of the counter `place`; fulfils `edge.snapshot_maker.Render`. Equal input gives equal bytes.

    Times in `zone` (None: the machine's). Raises `ConfigError` where there are no fonts.
    """

    def __init__(self, language: str, place: str, zone: tzinfo | None = None) -> None:
        try:
            for name in (drawn.PLAIN, drawn.BOLD):
                drawn.font(name, 12)
        except OSError as error:
            raise ConfigError(
                f"eye.privacy: pictures need the fonts in {drawn.FONTS} ({error}); 'apt-get install fonts-dejavu-core',"
                ' or set eye.privacy = "index"'
            ) from error
        self._t = catalogue(language)
        self._place = place
        self._zone = zone

    def __call__(self, data: SnapshotData, seen: Seen) -> tuple[bytes, int, int]:
        """The JPEG, its width and height in pixels."""
        image = Image.new("RGB", (WIDTH_PX, HEIGHT_PX), "#ffffff")
        draw = ImageDraw.Draw(image)
        self._head(draw, data)
        self._photo(image, draw, data, seen)
        self._side(image, draw, data)
        self._strip(draw, data)
        file = io.BytesIO()
        image.save(file, "JPEG", quality=_QUALITY, optimize=True)
        return file.getvalue(), WIDTH_PX, HEIGHT_PX

    def _head(self, draw: ImageDraw.ImageDraw, data: SnapshotData) -> None:
        bold, plain = drawn.font(drawn.BOLD, 24), drawn.font(drawn.PLAIN, 20)
        when = self._when(data.stamp)
        right = WIDTH_PX - 20
        if data.simulated:
            when = f"{self._t['snapshot.simulated']} · {when}"
        room_px = right - draw.textlength(when, plain) - 40
        place = self._place
        while draw.textlength(place, bold) > room_px and len(place) > 1:
            place = place.removesuffix("…")[:-1] + "…"
        draw.text((20, 38), place, fill=drawn.INK, font=bold, anchor="lm")
        draw.text((right, 38), when, fill=drawn.INK, font=plain, anchor="rm")

    def _photo(self, image: Image.Image, draw: ImageDraw.ImageDraw, data: SnapshotData, seen: Seen) -> None:
        left, top, right, bottom = _PHOTO
        draw.rectangle(_PHOTO, fill=drawn.PANEL)
        frame = seen.frame
        if frame is None or frame.jpeg is None:
            text = self._nothing(data)
            middle = ((left + right) // 2, (top + bottom) // 2)
            draw.text(middle, text, fill=drawn.MUTED, font=drawn.font(drawn.PLAIN, 22), anchor="mm")
            return
        with Image.open(io.BytesIO(frame.jpeg)) as found:
            photo = found.convert("RGB")
        scale = min((right - left) / photo.width, (bottom - top) / photo.height)
        width, height = round(photo.width * scale), round(photo.height * scale)
        x, y = left + (right - left - width) // 2, top + (bottom - top - height) // 2
        image.paste(photo.resize((width, height), Image.Resampling.LANCZOS), (x, y))
        if frame.point.box is not None:
            face = _within(frame.point.box, (x, y, width, height))
            draw.rectangle(face, outline=drawn.colour_of(data.probability, data.threshold), width=4)
        if data.skew_ms is not None:
            note = self._t["snapshot.skew"].format(skew=f"{data.skew_ms:+.0f}".replace("-", "\N{MINUS SIGN}"))
            small = drawn.font(drawn.PLAIN, 14)
            draw.rectangle((left, bottom - 24, left + draw.textlength(note, small) + 16, bottom), fill=drawn.PAPER)
            draw.text((left + 8, bottom - 12), note, fill=drawn.MUTED, font=small, anchor="lm")

    def _side(self, image: Image.Image, draw: ImageDraw.ImageDraw, data: SnapshotData) -> None:
        left, top, right, _ = _SIDE
        draw.rectangle(_SIDE, fill=drawn.PANEL)
        face = drawn.smiley(120, data.probability, data.threshold)
        image.paste(face, (left + 20, top + 20), face)
        number = f"{data.probability * 100:.0f} %" if data.probability is not None else "—"
        colour = drawn.colour_of(data.probability, data.threshold)
        draw.text((left + 165, top + 62), number, fill=colour, font=drawn.font(drawn.BOLD, 44), anchor="lm")
        small = drawn.font(drawn.PLAIN, 16)
        draw.text((left + 165, top + 105), self._t["snapshot.probability"], fill=drawn.INK, font=small, anchor="lm")
        drawn.bar(draw, (left + 20, top + 160, right - 20, top + 188), data.probability, data.threshold)
        verdict = "no_verdict" if data.smiled is None else f"{data.subject}_{'smiled' if data.smiled else 'no_smile'}"
        draw.text((left + 20, top + 206), self._t[f"snapshot.{verdict}"], fill=drawn.INK, font=small, anchor="lt")
        seen = self._t["snapshot.face_share"].format(share=f"{data.face_share * 100:.0f}")
        draw.text((left + 20, top + 230), seen, fill=drawn.MUTED, font=small, anchor="lt")
        draw.line((left + 20, top + 268, right - 20, top + 268), fill=drawn.RULE, width=2)
        draw.text(
            (left + 20, top + 286),
            self._t["snapshot.index"],
            fill=drawn.INK,
            font=drawn.font(drawn.BOLD, 20),
            anchor="lt",
        )
        draw.text((right - 20, top + 290), self._t["snapshot.today"], fill=drawn.MUTED, font=small, anchor="rt")
        figure, detail = self._index(data.index)
        draw.text((left + 20, top + 322), figure, fill=drawn.INK, font=drawn.font(drawn.BOLD, 44), anchor="lt")
        for n, line in enumerate(detail):
            draw.text((left + 20, top + 380 + 24 * n), line, fill=drawn.MUTED, font=small, anchor="lt")

    def _strip(self, draw: ImageDraw.ImageDraw, data: SnapshotData) -> None:
        title = self._t["snapshot.strip"]
        draw.text((_STRIP[0], 530), title, fill=drawn.INK, font=drawn.font(drawn.BOLD, 16), anchor="lm")
        small = drawn.font(drawn.PLAIN, 14)
        x = _STRIP[2]
        for key in ("nobody", "unseen", "calm", "smile"):
            text = self._t[f"snapshot.legend_{key}"]
            draw.text((x, 530), text, fill=drawn.MUTED, font=small, anchor="rm")
            x -= round(draw.textlength(text, small)) + 20
            drawn.swatch(draw, (x, 523, x + 14, 537), key)
            x -= 18
        drawn.strip(draw, _STRIP, data.strip, data.threshold, small)
        axis = self._t["snapshot.axis"]
        draw.text((_STRIP[2], 662), axis, fill=drawn.MUTED, font=small, anchor="rm")

    def _index(self, index: IndexData) -> tuple[str, tuple[str, ...]]:
        if publishing(index.n) is Publishing.HIDDEN or index.percent is None:
            return "—", (self._t["snapshot.hidden"].format(n=index.n, limit=SHOWN_FROM),)
        low, high = index.low_percent or 0.0, index.high_percent or 0.0
        interval = self._t["snapshot.interval"].format(low=f"{low:.0f}", high=f"{high:.0f}")
        return f"{index.percent:.0f} %", (interval, self._t["snapshot.clients"].format(n=index.n))

    def _nothing(self, data: SnapshotData) -> str:
        if data.state is FaceState.NO_FACE:
            return self._t["snapshot.no_face"]
        return self._t["snapshot.no_data"]

    def _when(self, stamp: Stamp) -> str:
        local = (_EPOCH + timedelta(microseconds=stamp.wall_ns // 1000)).astimezone(self._zone)
        text = f"{local.strftime(self._t['snapshot.time_format'])} UTC{local.isoformat()[-6:]}"
        return text if stamp.synced else f"{text} ({self._t['snapshot.unsynced']})"


def _within(box: tuple[float, float, float, float], area: drawn.Area) -> tuple[float, float, float, float]:
    """A box in shares of a picture as edges on the canvas, where that picture fills `area` (x, y, width, height)."""
    x, y, width, height = area
    left, top = max(0.0, box[0]), max(0.0, box[1])
    right, bottom = min(1.0, box[0] + box[2]), min(1.0, box[1] + box[3])
    return x + left * width, y + top * height, x + max(left, right) * width, y + max(top, bottom) * height
