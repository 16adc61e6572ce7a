import numpy as np
import pytest
from drawn_faces import drawn_face
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from models import face_crop


@pytest.mark.parametrize(("height", "width"), [(20, 20), (33, 47), (64, 64), (150, 90), (1, 1)])
def test_resize_is_pillows_triangle_filter(height: int, width: int) -> None:
    gray = np.random.default_rng(height).integers(0, 256, (2, height, width), dtype=np.uint8)
    expected = [
        np.asarray(Image.fromarray(one.astype(np.float32)).resize((64, 64), Image.Resampling.BILINEAR)) for one in gray
    ]
    assert np.abs(face_crop.resize(gray) - np.stack(expected)).max() < 0.05


@given(st.integers(1, 200), st.integers(1, 200), st.integers(0, 255))
def test_a_flat_crop_stays_flat_and_becomes_the_mean_level(height: int, width: int, level: int) -> None:
    assert set(face_crop.prepare(np.full((1, height, width), level, dtype=np.uint8)).flat) == {128}


@given(st.floats(0.35, 1.2), st.floats(-15, 20))
def test_exposure_changes_no_level_by_more_than_rounding(gain: float, offset: float) -> None:
    face = drawn_face(1.0).astype(np.float64)
    face = 40 + face * 0.6  # so that no level is cut off below
    plain = face_crop.standardise(face[None].astype(np.float32)).astype(int)
    exposed = face_crop.standardise((face * gain + offset)[None].astype(np.float32)).astype(int)
    assert np.abs(plain - exposed).max() <= 1


def test_mean_and_contrast_are_those_of_every_other_crop() -> None:
    ready = face_crop.prepare(np.stack([drawn_face(0.0), drawn_face(1.0, teeth=True)]))
    assert ready.dtype == np.uint8
    assert ready.shape == (2, 64, 64)
    assert ready.mean(axis=(1, 2)) == pytest.approx(128, abs=3)
    assert ready.std(axis=(1, 2)) == pytest.approx(56, abs=3)


def test_noise_of_a_covered_lens_is_not_made_a_picture() -> None:
    noise = np.random.default_rng(0).integers(3, 6, (1, 64, 64), dtype=np.uint8)
    assert face_crop.prepare(noise).std() < 10
