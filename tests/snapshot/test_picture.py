"""The picture of a snapshot: the same bytes for the same figures, with what a manager looks for in its place."""

import io
from datetime import timedelta, timezone

import msgspec
import numpy as np
import pytest
from box_parts import stamp
from drawn_faces import drawn_face
from fake_clock import BOOT_A
from PIL import Image
from snapshot_rig import calm, covered, nobody

from edge import snapshot_drawing
from edge.config import ConfigError
from edge.faces import FaceFrame, FaceSource
from edge.snapshot_figures import figures
from edge.snapshot_look import Seen
from edge.snapshot_picture import HEIGHT_PX, WIDTH_PX, Renderer
from edge.snapshot_plan import Day, OpenSnapshot
from edge.web.words import LANGUAGES
from edge.wire import PICTURE_BYTES_MAX

S = 1_000_000_000
PRESS = 1000 * S
GREEN, BLUE, GREY = (15, 123, 83), (70, 97, 127), (154, 167, 180)
ZONE = timezone(timedelta(hours=3))


def photo(side=(640, 480)):
    face = Image.fromarray(drawn_face(1.0, 200, teeth=True)).convert("RGB")
    image = Image.new("RGB", side, (200, 40, 40))
    image.paste(face, (side[0] // 2 - 100, side[1] // 2 - 100))
    file = io.BytesIO()
    image.save(file, "JPEG")
    return file.getvalue()


def seen(film=calm, jpeg=True, side=(640, 480)):
    points = tuple(film(PRESS + k * S // 5) for k in range(-152, 26))
    frame = next((p for p in points if p.mono_ns == PRESS and p.state != "no_data"), None)
    source = FaceSource("camera", False, "client", "snapshot", 200, 120, "smile-v1", 0.5, "blazeface")
    return Seen(
        source,
        S // 2,
        points,
        None if frame is None else FaceFrame(frame, photo(side) if jpeg else None, *side),
    )


def data_of(what, day=None, **changes):
    day = day or Day(0, 15, 23, 0, 0)
    plan = OpenSnapshot("b" * 32, "c" * 32, stamp(PRESS, BOOT_A, synced=changes.pop("synced", True)), "green", False)
    return msgspec.structs.replace(figures(what, plan, day), **changes)


def drawn(what, language="en", place="Till 3", **changes):
    jpeg, width_px, height_px = Renderer(language, place, ZONE)(data_of(what, **changes), what)
    with Image.open(io.BytesIO(jpeg)) as image:
        assert (image.format, image.size) == ("JPEG", (width_px, height_px))
        return np.asarray(image.convert("RGB")), jpeg


def near(pixels, colour):
    """How many pixels have the colour, but for what JPEG does to them."""
    return int((np.abs(pixels.astype(int) - colour).max(axis=-1) < 24).sum())


@pytest.mark.parametrize("language", LANGUAGES)
def test_equal_figures_are_equal_bytes_and_few_of_them(language):
    what = seen()
    first, second = (drawn(what, language)[1] for _ in range(2))
    assert first == second
    assert len(first) < 100_000 < PICTURE_BYTES_MAX
    assert drawn(what, "ru" if language == "en" else "en")[1] != first


def test_it_holds_the_frame_of_the_press():
    pixels, _ = drawn(seen())
    assert pixels.shape == (HEIGHT_PX, WIDTH_PX, 3)
    left = pixels[70:505, 20:600]
    assert near(left, (200, 40, 40)) > 0.4 * left.shape[0] * left.shape[1]
    without, _ = drawn(seen(jpeg=False))
    assert near(without[70:505, 20:600], (200, 40, 40)) == 0


@pytest.mark.parametrize("side", [(1280, 720), (480, 640)])
def test_a_frame_of_any_shape_keeps_its_shape(side):
    pixels, _ = drawn(seen(side=side))
    red = np.abs(pixels[70:505, 20:600].astype(int) - (200, 40, 40)).max(axis=-1) < 40
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert width / height == pytest.approx(side[0] / side[1], rel=0.03)


@pytest.mark.parametrize(("probability", "colour", "other"), [(0.9, GREEN, BLUE), (0.2, BLUE, GREEN)])
def test_bar_and_smiley_have_the_colour_of_the_answer(probability, colour, other):
    pixels, _ = drawn(seen(lambda t: calm(t, probability)))
    bar = pixels[232:257, 641:919]
    share = near(bar, colour) / (bar.shape[0] * bar.shape[1])
    assert share == pytest.approx(probability, abs=0.03)
    assert near(bar, other) == 0
    assert near(pixels[90:210, 640:760], colour) > 500


@pytest.mark.parametrize("film", [nobody, covered])
def test_nobody_is_no_calm_client(film):
    pixels, _ = drawn(seen(film))
    assert near(pixels[90:258, 640:920], BLUE) == near(pixels[90:258, 640:920], GREEN) == 0
    assert near(pixels[90:210, 640:760], GREY) > 500


def test_the_strip_shows_when_the_client_smiled():
    pixels, _ = drawn(seen(lambda t: calm(t, 0.9 if t >= PRESS - 10 * S else 0.2)))
    strip = pixels[562:628, 41:919]
    first, second = strip[:, : 878 * 20 // 30], strip[:, 878 * 20 // 30 + 2 :]
    assert near(first, GREEN) == 0 < near(first, BLUE)
    assert near(second, GREEN) / (second.shape[0] * second.shape[1]) == pytest.approx(0.9 * 27 / 29.3, abs=0.08)


@pytest.mark.parametrize(("smiled", "n"), [(0, 0), (3, 8), (4, 9), (30, 60), (1000, 1000)])
@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_written_over_its_edge(language, smiled, n):
    what = seen(covered)
    pixels, _ = drawn(what, language, "Касса №3 " * 20, day=Day(0, smiled, n, 0, 0), synced=False, simulated=True)
    assert near(pixels[:, 945:], (255, 255, 255)) == HEIGHT_PX * 15
    assert near(pixels[:, :15], (255, 255, 255)) == HEIGHT_PX * 15
    assert near(pixels[507:518], (255, 255, 255)) == WIDTH_PX * 11


def test_a_box_without_fonts_says_what_to_install(monkeypatch):
    monkeypatch.setattr(snapshot_drawing, "BOLD", "NoSuchFont.ttf")
    with pytest.raises(ConfigError, match="fonts-dejavu-core"):
        Renderer("en", "Till 3")


def test_a_smiley_bends_with_the_probability():
    def height_of_mouth(probability, column):
        ink = np.asarray(snapshot_drawing.smiley(120, probability, 0.5).convert("RGB"))[62:98, column].astype(int)
        return float(np.average(np.arange(len(ink)), weights=(255 - ink).sum(axis=1) > 300))

    for probability, sign in ((0.0, -1), (0.5, 0), (1.0, 1)):
        middle, corner = height_of_mouth(probability, 60), height_of_mouth(probability, 40)
        assert np.sign(round((middle - corner) / 4)) == sign
