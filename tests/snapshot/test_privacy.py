"""In the mode `index` no picture leaves the camera's process: searched for in every file and in every message.

The same run then goes on in the mode `snapshot`, so that the search is known to find what it looks for, and that the
picture of a press is known to arrive.
"""

import base64
import io
import shutil
import time
from itertools import islice
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from broker import Listener
from picture_leaks import PictureSearch
from PIL import Image
from watermark import watermarked, write_wav

from cloud_bridge.store import snapshots
from cloud_bridge.store.engine import open_store
from demo.chain import Chain, Settings, memory_folder
from demo.scene import frames
from edge.faces import FaceReader, FaceState
from ringbuffer.errors import RingError

FPS = 5
# The calm client, then the smiling one.
FIRST, LAST = 50, 80


def write_film(folder):
    """Some seconds of the demo's drawn scene, each frame with a noise of its own: pixels that nothing else has."""
    folder.mkdir()
    rng = np.random.default_rng(5)
    pictures = []
    for n, image in enumerate(islice(frames(), FIRST, LAST)):
        noise = rng.integers(-9, 10, (*image.size[::-1], 3))
        pixels = (np.asarray(image).astype(int) + noise).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{n:04d}.png", compress_level=1)
        pictures.append(pixels)
    return pictures


def press_and_wait(chain, number):
    """A press, and the snapshot that the bridge has of it."""
    press = chain.press("appeal", f"privacy-{number}")
    store = open_store(f"sqlite:///{chain.database}")
    try:

        def arrived():
            found = snapshots.of_press(store, press)
            return found is not None and (found.data.picture is None or found.blob is not None)

        chain.wait_for(arrived, "the snapshot is at the bridge", chain.box, 40)
        chain.wait_for(lambda: not chain.state()["health"]["events_waiting"], "nothing waits", chain.box, 20)
        return snapshots.of_press(store, press)
    finally:
        store.close()


def ring_sees(chain):
    try:
        reader = FaceReader(chain.face_ring)
    except RingError:
        return False
    try:
        newest = reader.newest()
        return newest is not None and newest.point.state is FaceState.FACE
    finally:
        reader.close()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The chain in mode `index`, one press; then in mode `snapshot`, another one."""
    folder, memory = tmp_path_factory.mktemp("privacy"), memory_folder()
    film = memory / "film"
    pictures = write_film(film)
    wav = write_wav(folder / "source.wav", watermarked(20, seed=3))
    eye = {"driver": "video", "file": str(film), "fps": FPS, "privacy": "index"}
    chain = Chain(folder / "chain", memory, Settings(wav, 1.0, 1.0, depth_s=60, eye=eye))
    search = PictureSearch(pictures[::3])
    try:
        chain.prepare()
        chain.start()
        with Listener(chain.broker) as listener:
            chain.wait_for(lambda: ring_sees(chain), "the eye sees the client", chain.eye, 60)
            first = press_and_wait(chain, 1)
            in_files = search.in_folder(chain.folder)
            in_messages = leaks_of(search, listener.messages)
            ring = search.in_bytes(chain.face_ring.read_bytes(), "ring")
            said = len(listener.messages)

            chain.box.stop()
            chain.eye.stop()
            config = chain.box_config.read_text("utf-8")
            chain.box_config.write_text(config.replace('privacy = "index"', 'privacy = "snapshot"'), "utf-8")
            chain.face_ring.unlink()
            chain.eye.start()
            chain.box.start()
            chain.await_ready()
            chain.wait_for(lambda: ring_sees(chain), "the eye sees the client again", chain.eye, 60)
            second = press_and_wait(chain, 2)
            yield SimpleNamespace(
                chain=chain,
                search=search,
                index=first,
                in_files=in_files,
                in_messages=in_messages,
                in_ring=ring,
                snapshot=second,
                messages=listener.messages[said:],
                files=search.in_folder(chain.folder),
            )
    finally:
        chain.stop()
        shutil.rmtree(memory)


def leaks_of(search, messages):
    return [leak for message in messages for leak in search.in_bytes(message.payload, message.topic)]


def test_in_mode_index_no_file_and_no_message_holds_a_picture(run):
    assert run.in_files == []
    assert run.in_messages == []
    assert run.in_ring == []


def test_in_mode_index_the_figures_arrive(run):
    data = run.index.data
    assert (data.privacy, data.picture, run.index.picture) == ("index", None, None)
    assert (data.state, data.simulated, data.model) == ("face", True, "smile-v1")
    assert data.probability is not None
    assert abs(data.skew_ms) <= 200
    assert any(point.state == "face" for point in data.strip)


def test_in_mode_snapshot_the_picture_of_the_press_arrives_and_the_search_finds_it(run):
    data = run.snapshot.data
    assert (data.privacy, run.snapshot.picture) == ("snapshot", "complete")
    picture = (run.chain.blobs / run.snapshot.blob).read_bytes()
    with Image.open(io.BytesIO(picture)) as image:
        assert (image.format, image.size) == ("JPEG", (data.picture.width_px, data.picture.height_px))
    assert any("pictures/" in leak and ".jpg: a picture at byte 0" in leak for leak in run.files)
    topics = {message.topic for message in run.messages if "/picture/" in message.topic}
    assert len(topics) == len(data.picture.chunk_sha256)
    assert leaks_of(run.search, run.messages), "the search sees what goes over the broker"
    journal = "".join(path.read_text("utf-8-sig") for path in run.chain.journal.glob("*.csv"))
    assert run.index.id in journal
    assert run.snapshot.id in journal


@pytest.mark.parametrize("form", ["png", "jpeg", "pixels", "gray", "base64"])
def test_a_leak_would_be_found(form):
    pixels = np.asarray(next(iter(frames())))
    noise = np.random.default_rng(9).integers(-9, 10, pixels.shape)
    pixels = (pixels.astype(int) + noise).clip(0, 255).astype(np.uint8)
    search = PictureSearch([pixels])
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG" if form == "png" else "JPEG")
    content = {
        "pixels": pixels.tobytes(),
        "gray": np.asarray(Image.fromarray(pixels).convert("L")).tobytes(),
        "base64": b'{"picture": "' + base64.b64encode(file.getvalue()) + b'"}',
    }.get(form, file.getvalue())
    assert search.in_bytes(b"something before " + content + b" and after", "here")
    assert search.in_bytes(msgspec.json.encode({"nothing": list(range(500))}) + time.ctime().encode(), "here") == []
