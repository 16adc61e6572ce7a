"""The real detector and the real model on drawn faces: found, turned upright, told apart, hidden."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_scene import DISPLEASED, SMILING, scene
from PIL import Image

from drivers.contract import Frame, PixelFormat
from edge.eye.detectors import make_detector
from edge.eye.find import faces_in, look_close, overlap
from edge.eye.picture import BadPicture, Picture, View, as_jpeg, blurred, picture_of
from edge.eye.watch import Watch
from models.face_align import aligned, roll
from models.face_detector import Detection, merged
from models.smile import smile_probability

NS = 1_000_000_000


@pytest.fixture(scope="module")
def detect():
    return make_detector("blazeface")


def smiles(image, detect):
    """(probability, centre x, centre y) of each face, the largest first."""
    picture = Picture(image)
    faces = faces_in(picture, detect)
    crops = [aligned(picture.gray, face) for face in faces]
    probability = [float(smile_probability(crop[None])[0]) for crop in crops]
    return [(p, face.x + face.width / 2, face.y + face.height / 2) for p, face in zip(probability, faces, strict=True)]


@pytest.mark.parametrize("mood", [SMILING, DISPLEASED])
@pytest.mark.parametrize(
    "changes",
    [{}, {"roll": 30}, {"roll": -30}, {"light": 0.35}, {"side": 60}, {"side": 400}],
    ids=str,
)
def test_a_face_is_found_once_and_its_smile_told(detect, mood, changes):
    rest = dict(changes)
    side = rest.pop("side", 150)
    ((probability, x, y),) = smiles(scene((mood, 320, 240, side), **rest), detect)
    assert (probability > 0.75) if mood is SMILING else (probability < 0.25)
    assert (abs(x - 320) < side * 0.2, abs(y - 240) < side * 0.2) == (True, True)


def test_a_face_of_twenty_pixels_is_found(detect):
    found = smiles(scene((SMILING, 500, 100, 20)), detect)
    assert [(abs(x - 500) < 6, abs(y - 100) < 6) for _, x, y in found] == [(True, True)]


def test_several_faces_are_several(detect):
    faces = [(SMILING, 120, 150, 120), (DISPLEASED, 330, 260, 100), (SMILING, 530, 180, 80)]
    found = smiles(scene(*faces), detect)
    assert [round(probability) for probability, _, _ in found] == [1, 0, 1]


@pytest.mark.parametrize("seed", range(3))
def test_where_there_is_no_face_none_is_found(detect, seed):
    rng = np.random.default_rng(seed)
    blobs = rng.integers(0, 255, (15, 20, 3), dtype=np.uint8)
    assert faces_in(Picture(Image.fromarray(blobs).resize((640, 480), Image.Resampling.BICUBIC)), detect) == []
    assert faces_in(Picture(Image.new("RGB", (320, 240), (90, 90, 90))), detect) == []


@pytest.mark.parametrize("angle", [-30, 0, 30])
def test_roll_is_told_by_the_eyes(detect, angle):
    picture = Picture(scene((SMILING, 320, 240, 160), roll=angle))
    (face,) = faces_in(picture, detect)
    # Pillow turns against the clock, pixels count downwards.
    assert np.degrees(roll(face)) == pytest.approx(-angle, abs=8)


def test_watching_costs_one_look_a_frame_and_a_second_one_every_other(detect):
    looks = []

    def counted(square, least_score):
        looks[-1] += 1
        return detect(square, least_score)

    watch = Watch(counted, smile_probability)
    picture = Picture(scene((SMILING, 320, 240, 150)))
    for number in range(20):
        looks.append(0)
        seen = watch.see(picture, number * NS // 5)
        assert seen.number == 1
    assert sum(looks[1:]) <= 1.5 * len(looks[1:]) + 2


def test_what_is_no_face_is_not_looked_at_again_and_again():
    """A poster at which the first look always stops."""
    looks = []

    def poster(square, least_score):
        looks[-1] += 1
        wide = square.mean() < 60
        points = np.full((6, 2), 0.5, np.float32)
        return [Detection(0.3, 0.4, 0.4, 0.2, 0.2, points)] if wide and least_score < 0.3 else []

    watch = Watch(poster, smile_probability)
    picture = Picture(Image.new("RGB", (640, 200), (100, 100, 100)))
    for number in range(25):
        looks.append(0)
        assert watch.see(picture, number * NS // 5).client is None
    assert max(looks[1:]) <= 6
    assert sum(looks) <= 25 + 5 * 6


def test_all_formats_of_a_frame_are_the_same_picture(detect):
    image = scene((SMILING, 160, 120, 100), width=320, height=240)
    planes = np.asarray(image.convert("YCbCr"))
    yuyv = np.empty((240, 320, 2), np.uint8)
    yuyv[..., 0] = planes[..., 0]
    yuyv[:, 0::2, 1], yuyv[:, 1::2, 1] = planes[:, 0::2, 1], planes[:, 0::2, 2]
    frames = [
        Frame(0, 0, 320, 240, PixelFormat.RGB, image.tobytes()),
        Frame(0, 0, 320, 240, PixelFormat.YUYV, yuyv.tobytes()),
        Frame(0, 0, 0, 0, PixelFormat.ENCODED, as_jpeg(image, 10**6)),
    ]
    for frame in frames:
        picture = picture_of(frame)
        assert picture.size == (320, 240)
        assert np.abs(picture.gray.astype(int) - np.asarray(image.convert("L"))).mean() < 3
        shown = np.asarray(picture.small(320)).astype(int)
        assert np.abs(shown - np.asarray(image)).mean() < 4


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8\xff\xe0", as_jpeg(Image.new("RGB", (64, 64), (9, 200, 90)), 9999)[:300]]
)
def test_half_a_picture_is_none(data):
    with pytest.raises(BadPicture):
        picture_of(Frame(0, 0, 0, 0, PixelFormat.ENCODED, data))


@pytest.mark.parametrize("rotate", [90, 180, 270])
def test_a_camera_may_hang_on_its_side(rotate):
    upright = Image.new("RGB", (60, 40))
    upright.putpixel((5, 7), (255, 0, 0))
    turned = upright.rotate(rotate, expand=True)
    frame = Frame(0, 0, *turned.size, PixelFormat.RGB, turned.tobytes())
    assert picture_of(frame, rotate=rotate).small(60).tobytes() == upright.tobytes()


def test_a_view_beyond_the_picture_is_black_there():
    square = Picture(Image.new("RGB", (100, 50), (200, 100, 50))).square(View(0, -25, 100))
    assert square[96].mean(axis=0).round().tolist() == [200, 100, 50]
    assert square[:40].max() == 0
    assert square[-40:].max() == 0


def test_blur_leaves_the_clients_face_and_nothing_else():
    rng = np.random.default_rng(5)
    image = Image.fromarray(rng.integers(0, 255, (240, 320, 3), dtype=np.uint8))
    client, other = (40, 60, 80, 80), (180, 60, 80, 80)
    before = np.asarray(image).astype(int)
    after = np.asarray(blurred(image, client, [other])).astype(int)
    assert (after[90:110, 70:90] == before[90:110, 70:90]).all()
    assert after[70:130, 190:250].std() < before[70:130, 190:250].std() / 5
    assert after[200:, :].std() < before[200:, :].std() / 5
    nobody = np.asarray(blurred(image, None, [])).astype(int)
    assert nobody.std() < before.std() / 5
    overlapping = np.asarray(blurred(image, client, [(100, 60, 80, 80)])).astype(int)
    assert (overlapping[95:105, 105:115] != before[95:105, 105:115]).any()


def test_a_picture_that_needs_more_room_gets_less_quality():
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (360, 480, 3), dtype=np.uint8))
    assert len(as_jpeg(noise, 10**6)) > 60_000 >= len(as_jpeg(noise, 60_000))
    with pytest.raises(ValueError, match="does not fit"):
        as_jpeg(noise, 1000)


def test_answers_for_one_face_are_made_one():
    def value(x, size=0.2):
        return np.array([[x, 0.5], [size, size], *[[x, 0.5]] * 6], np.float32)

    scores = np.array([0.6, 0.9, 0.8], np.float32)
    found = merged(scores, np.stack([value(0.3), value(0.31), value(0.8)]))
    assert [round(face.score, 2) for face in found] == [0.9, 0.8]
    assert found[0].x + found[0].width / 2 == pytest.approx((0.3 * 0.6 + 0.31 * 0.9) / 1.5, abs=1e-4)
    assert overlap(found[0], found[1]) == 0


def test_looking_close_at_nothing_finds_nothing(detect):
    picture = Picture(Image.new("RGB", (320, 240), (90, 90, 90)))
    face = Detection(0.5, 100, 100, 40, 40, np.full((6, 2), 120, np.float32))
    assert look_close(picture, face, detect) is None


def test_the_weak_detector_finds_a_clear_face():
    haar = make_detector("haar")
    found = haar(Picture(scene((SMILING, 320, 240, 200))).square(View(0, -80, 640)), 0.5)
    assert all(face.score == 1.0 for face in found)
    assert haar(np.full((192, 192, 3), 90, np.uint8), 0.5) == []
