import ast
import hashlib
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from drawn_faces import drawn_face
from hypothesis import given, settings
from hypothesis import strategies as st

import models
from models import smile
from models.smile import smile_model, smile_probability

FOLDER = Path(models.__file__).parent
# From the weights in git on x86-64; another processor's rounding may move a result by a step or two of 1/256.
GOLDEN = {(-1.0, False): 16, (0.0, False): 170, (1.0, False): 239, (1.0, True): 251}
STEPS = 3


def test_golden_predictions_of_drawn_faces() -> None:
    faces = np.stack([drawn_face(curve, teeth=teeth) for curve, teeth in GOLDEN])
    steps = dict(zip(GOLDEN, (smile_probability(faces) * 256).round().astype(int).tolist(), strict=True))
    assert steps == pytest.approx(GOLDEN, abs=STEPS)


@pytest.mark.parametrize("side", [20, 48, 64, 200])
def test_a_drawn_smile_is_more_of_a_smile_than_a_drawn_frown_at_any_size(side: int) -> None:
    frown, smiling = smile_probability(np.stack([drawn_face(-1.0, side), drawn_face(1.0, side, teeth=True)]))
    assert smiling > frown + 0.2


def test_darkness_hardly_changes_the_answer() -> None:
    face = drawn_face(1.0, teeth=True)
    dark = np.rint(face * 0.35).astype(np.uint8)
    bright, dim = smile_probability(np.stack([face, dark]))
    assert dim == pytest.approx(bright, abs=0.05)


@settings(max_examples=15)
@given(st.integers(0, 4), st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**32 - 1))
def test_any_crop_gets_one_probability(count: int, height: int, width: int, seed: int) -> None:
    faces = np.random.default_rng(seed).integers(0, 256, (count, height, width), dtype=np.uint8)
    before = faces.copy()
    probability = smile_probability(faces)
    assert probability.dtype == np.float32
    assert probability.shape == (count,)
    assert ((probability >= 0) & (probability <= 1)).all()
    assert (faces == before).all()


def test_an_answer_depends_on_its_face_alone() -> None:
    faces = np.random.default_rng(5).integers(0, 256, (6, 40, 40), dtype=np.uint8)
    faces[0], faces[3] = drawn_face(1.0, 40, teeth=True), drawn_face(-1.0, 40)
    together = smile_probability(faces)
    assert len(set(together.tolist())) > 1
    assert (smile_probability(faces[::-1])[::-1] == together).all()
    assert [smile_probability(one[None])[0] for one in faces] == together.tolist()
    # A view with gaps, as a crop of a frame is.
    assert smile_probability(np.repeat(faces, 2, axis=0)[::2]).tolist() == together.tolist()


def test_threads_may_ask_at_the_same_time() -> None:
    faces = np.stack([drawn_face(curve, teeth=True) for curve in np.linspace(-1, 1, 12)])
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(smile_probability, [faces] * 8))
    assert all((answer == smile_probability(faces)).all() for answer in answers)


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.bool_])
def test_other_than_grey_bytes_is_refused(dtype: type) -> None:
    with pytest.raises(TypeError, match="not uint8"):
        smile_probability(np.zeros((1, 64, 64), dtype=dtype))


@pytest.mark.parametrize("shape", [(64, 64), (1, 64, 64, 3), (1, 0, 64), (1, 64, 0), ()])
def test_other_than_a_row_of_faces_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"shape .* not \(n, h, w\)"):
        smile_probability(np.zeros(shape, dtype=np.uint8))


def test_the_weights_are_those_that_the_model_and_its_card_name() -> None:
    model = smile_model()
    content = (FOLDER / model.weights).read_bytes()
    card = (FOLDER / "MODEL_CARD.md").read_text()
    assert hashlib.sha256(content).hexdigest() == model.sha256
    assert len(content) == model.size_bytes <= 400_000
    assert f"`{model.weights}`, {model.size_bytes} bytes, SHA-256 `{model.sha256}`" in card
    assert f"# Model card: {model.version}\n" in card
    assert f"θ of the Smile-Index: {model.threshold} " in card
    assert 0 < model.threshold < 1


def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("smile.json", smile_model().weights):
        shutil.copy(FOLDER / name, tmp_path)
    with (tmp_path / smile_model().weights).open("ab") as file:
        file.write(b"\0")
    monkeypatch.setattr(smile, "_FOLDER", tmp_path)
    smile._network.cache_clear()
    try:
        with pytest.raises(ValueError, match="has SHA-256"):
            smile_probability(np.zeros((1, 64, 64), dtype=np.uint8))
    finally:
        smile._network.cache_clear()


def test_the_runtime_is_loaded_by_the_first_face_and_not_before() -> None:
    program = (
        "import sys, numpy\n"
        "from models.smile import smile_model, smile_probability\n"
        "smile_model()\n"
        "smile_probability(numpy.zeros((0, 9, 9), dtype=numpy.uint8))\n"
        "assert 'ai_edge_litert' not in sys.modules\n"
        "smile_probability(numpy.zeros((1, 9, 9), dtype=numpy.uint8))\n"
        "assert 'ai_edge_litert' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_one_file_knows_the_runtime() -> None:
    naming = set()
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom | ast.Import) and "litert" in ast.unparse(node):
                naming.add(path.name)
    assert naming == {"runtime.py"}
