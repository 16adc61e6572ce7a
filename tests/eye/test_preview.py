"""`earshot eye --show`: the page asks for the password of the run, then shows what the eye sees; nothing is kept."""

from __future__ import annotations

import io
import re
import threading
import urllib.error
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from drawn_scene import SMILING, scene
from PIL import Image

from edge.config import ConfigError, decode
from edge.eye.preview import run_preview


class Page:
    """A browser with cookies that follows no redirect by itself."""

    def __init__(self, url):
        self.url = url
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def open(self, path, body=None, **headers):
        request = urllib.request.Request(self.url + path, body, headers)
        return self._opener.open(request, timeout=30)

    def refused(self, path, body=None, **headers):
        with pytest.raises(urllib.error.HTTPError) as error:
            self.open(path, body, **headers)
        with error.value:
            return error.value.code

    def read(self, path, body=None):
        with self.open(path, body) as answer:
            return answer.read().decode()


@pytest.fixture
def config(tmp_path: Path):
    folder = tmp_path / "film"
    folder.mkdir()
    scene((SMILING, 160, 120, 100), width=320, height=240).save(folder / "0.png")
    eye = {"enabled": True, "driver": "video", "file": str(folder), "ring": str(tmp_path / "face.ring")}
    return decode({"box": {"site": "s", "name": "b"}, "eye": eye}, "test")


@pytest.fixture
def shown(config):
    """(page, password) of a running preview."""
    stop, told = threading.Event(), []
    ready = threading.Event()

    def tell(line):
        told.append(line)
        ready.set()

    thread = threading.Thread(
        target=run_preview, args=(config, stop), kwargs={"host": "127.0.0.1", "port": 0, "tell": tell}
    )
    thread.start()
    try:
        assert ready.wait(60)
        url, password = re.fullmatch(r"(http://127\.0\.0\.1:\d+)/  password: (\S+)", told[0]).groups()
        yield Page(url), password
    finally:
        stop.set()
        thread.join(60)


def test_the_picture_is_behind_the_password_and_nothing_is_kept(shown, tmp_path):
    page, password = shown
    assert 'type="password"' in page.read("/")
    assert page.refused("/stream") == 401
    assert page.refused("/login", b"token=wrong") == 401
    assert page.refused("/", Host="evil.example") == 421
    assert page.refused("/login", f"token={password}".encode(), Origin="http://evil.example") == 403
    assert 'src="/stream"' in page.read("/login", f"token={password}".encode())
    with page.open("/stream") as stream:
        assert stream.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=earshot-frame"
        assert stream.headers["Cache-Control"] == "no-store"
        assert stream.readline() == b"--earshot-frame\r\n"
        assert stream.readline() == b"Content-Type: image/jpeg\r\n"
        length = int(stream.readline().split()[1])
        stream.readline()
        image = Image.open(io.BytesIO(stream.read(length))).convert("RGB")
    assert image.size == (320, 240)
    yellow = [image.getpixel((x, y)) for x in range(320) for y in range(240)]
    assert sum(red > 200 and 150 < green < 230 and blue < 90 for red, green, blue in yellow) > 200
    assert not (tmp_path / "face.ring").exists()


def test_both_languages(shown):
    page, _ = shown
    assert "Пароль" in page.read("/?lang=ru")
    assert "Password" in page.read("/?lang=en")


def test_an_address_that_is_taken_is_told(config):
    with pytest.raises(ConfigError, match="can't listen"):
        run_preview(config, threading.Event(), host="192.0.2.1", port=1, tell=print)
