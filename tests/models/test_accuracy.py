"""The figures of the model card, on people that training never saw. The pictures are not in the repository."""

import csv
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from models.smile import smile_model, smile_probability
from models.training import data
from models.training.metrics import auc, expected_calibration_error

FOLDER = Path(__file__).parents[3] / "shared/data/smiles"

pytestmark = pytest.mark.skipif(
    not (FOLDER / data.LFW_ARCHIVE).is_file(),
    reason=f"no {FOLDER / data.LFW_ARCHIVE}: the training pictures lie beside the repository, not in it",
)


@pytest.fixture(scope="module")
def lfw() -> tuple[data.Faces, np.ndarray, np.ndarray]:
    return data.labelled_faces(FOLDER / data.LFW_ARCHIVE)


@pytest.fixture(scope="module")
def held_out(lfw: tuple[data.Faces, np.ndarray, np.ndarray]) -> data.Faces:
    faces, _, held_out = lfw
    return faces.where(held_out & faces.agreed)


def test_held_out_people_on_whom_both_labellers_agree(held_out: data.Faces) -> None:
    probability = smile_probability(held_out.gray)
    called = probability >= smile_model().threshold
    assert len(held_out) == 882
    assert (called == held_out.smiles).mean() >= 0.945
    assert auc(probability, held_out.smiles) >= 0.985
    assert expected_calibration_error(probability, held_out.smiles) <= 0.03


def test_the_faces_are_labelled_by_their_smile(held_out: data.Faces) -> None:
    probability = smile_probability(held_out.gray)
    assert probability[held_out.smiles].mean() > 0.8
    assert probability[~held_out.smiles].mean() < 0.1


def test_what_one_labeller_alone_saw_lies_between(lfw: tuple[data.Faces, np.ndarray, np.ndarray]) -> None:
    faces, _, held_out = lfw
    disputed = faces.where(held_out & (faces.label == "no teeth seen, happiness"))
    assert 0.3 < smile_probability(disputed.gray).mean() < 0.8


def test_nobody_and_no_picture_is_on_two_sides(lfw: tuple[data.Faces, np.ndarray, np.ndarray]) -> None:
    _, people, held_out = lfw
    with tarfile.open(FOLDER / data.LFW_ARCHIVE) as tar:
        names = [Path(member.name).stem[:-5] for member in tar if member.name.endswith(".jpg")]
        (labels,) = (member for member in tar if member.name.endswith("labels.csv"))
        rows = list(csv.DictReader(io.TextIOWrapper(tar.extractfile(labels))))
    assert len(set(names)) > 4000
    side = {}
    for row, percentile, apart in zip(rows, people, held_out, strict=True):
        side.setdefault(row["file"][: -len("_0001.jpg")], set()).add((percentile, apart))
    assert set(side) == set(names)
    assert all(len(one) == 1 for one in side.values())

    split = data.load(FOLDER)
    parts = [split.lfw_train, split.fer_train, split.calibration, split.lfw_test, split.fer_test]
    pictures = [{one.tobytes() for one in part.gray} for part in parts]
    for i, some in enumerate(pictures):
        assert all(some.isdisjoint(others) for others in pictures[:i])
    assert sum(map(len, parts)) == len(rows) + 28_273
