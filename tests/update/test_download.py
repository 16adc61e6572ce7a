"""A bundle over broken connections and power cuts at every step: whole and right, or not at all."""

import hashlib
import http.server
import random
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.update import download as module
from edge.update.download import BUNDLE, Download, DownloadFailed, Interrupted, Wanted

CONTENT = random.Random(1).randbytes(1_000_003)
SIZE = len(CONTENT)
SHA = hashlib.sha256(CONTENT).hexdigest()
POINTS = (
    "update.download.before_fsync",
    "update.download.after_fsync",
    "update.checkpoint.before_fsync",
    "update.checkpoint.after_fsync",
    "update.checkpoint.after_rename",
    "update.checkpoint.after_folder_fsync",
    "update.bundle.before_rename",
    "update.bundle.after_rename",
)


class PowerCut(BaseException):
    """Nothing of the process runs on after it."""


class Server(http.server.ThreadingHTTPServer):
    """Serves `content`; `cut_after` bytes of an answer it breaks the connection."""

    daemon_threads = True
    content = CONTENT
    etag = f'"{SHA}"'
    status = None
    cut_after = None
    ranges = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []
        self.sent_bytes = 0


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        server.asked.append(dict(self.headers))
        if server.status is not None:
            self.send_response(server.status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start, status = 0, 200
        wanted = self.headers.get("Range")
        if wanted and server.ranges and self.headers.get("If-Range", server.etag) == server.etag:
            start, status = int(wanted.removeprefix("bytes=").partition("-")[0]), 206
        body = server.content[start:]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", server.etag)
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}")
        self.end_headers()
        part = body if server.cut_after is None else body[: server.cut_after]
        try:
            self.wfile.write(part)
            server.sent_bytes += len(part)
        except ConnectionError:
            pass
        self.close_connection = True


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch):
    monkeypatch.setattr(module, "_STRETCH_BYTES", 100_000)
    monkeypatch.setattr(module, "_PIECE_BYTES", 10_000)


@pytest.fixture
def server():
    made = Server()
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


class Box:
    """The folder of bundles and what the download was told to see."""

    def __init__(self, folder, server, size=SIZE):
        self.folder = folder / "update"
        self.told = []
        self.free = 10**12
        self.evidence = False
        self.wanted = Wanted(f"http://127.0.0.1:{server.server_port}/updates/x?token=y", size, SHA)

    def run(self, fault=lambda _: None):
        return Download(
            self.wanted,
            self.folder,
            tls=lambda: None,
            held=lambda: self.evidence,
            told=self.told.append,
            reserve_bytes=1000,
            free_bytes=lambda _: self.free,
            fault=fault,
        ).run()

    def run_until_done(self, fault=lambda _: None, tries=200):
        for _ in range(tries):
            try:
                return self.run(fault)
            except Interrupted:
                continue
        raise AssertionError("it never ends")


@pytest.fixture
def box(tmp_path, server):
    return Box(tmp_path, server)


def names(box):
    return sorted(path.name for path in box.folder.iterdir())


def test_it_comes_whole_and_leaves_nothing_else(box):
    path = box.run()
    assert path.read_bytes() == CONTENT
    assert names(box) == [BUNDLE]
    assert box.told[-1] == len(CONTENT)
    assert box.told == sorted(box.told)


def test_a_line_that_breaks_all_the_time_costs_only_what_was_under_way(box, server):
    server.cut_after = 70_000
    assert box.run_until_done().read_bytes() == CONTENT
    assert server.sent_bytes == len(CONTENT)
    assert server.asked[1]["Range"] == "bytes=70000-"
    assert server.asked[1]["If-Range"] == server.etag


@contextmanager
def cut(nth, at):
    """A power cut at the nth passing of a point; what the process would still do is not done either."""
    left = [nth]

    def fault(name):
        left[0] -= name == at
        if left[0] <= 0:
            raise PowerCut

    yield fault


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("nth", [1, 3])
def test_a_power_cut_at_any_step_costs_a_stretch_at_most(box, server, point, nth):
    if nth == 3 and point.startswith("update.bundle"):
        nth = 1
    with cut(nth, point) as fault, pytest.raises(PowerCut):
        box.run(fault)
    # What was not synced may be there or not, or be anything.
    for part in box.folder.glob("*.part"):
        with part.open("ab") as file:
            file.write(b"not synced" * 5000)
    before = server.sent_bytes
    assert box.run_until_done().read_bytes() == CONTENT
    assert names(box) == [BUNDLE]
    if point.startswith("update.bundle"):
        assert server.sent_bytes == before


def test_power_cuts_and_broken_lines_at_random(box, server):
    rng = random.Random(7)
    server.cut_after = 130_000
    for _ in range(300):
        with cut(rng.randint(1, 9), rng.choice(POINTS)) as fault:
            try:
                path = box.run(fault)
                break
            except (PowerCut, Interrupted):
                continue
    else:
        raise AssertionError("it never ends")
    assert path.read_bytes() == CONTENT
    assert server.sent_bytes < 2 * len(CONTENT)


def test_evidence_goes_first_and_nothing_is_lost_by_it(box, server):
    class Busy(list):
        def append(self, have):
            super().append(have)
            box.evidence = have < 500_000

    box.told = Busy()
    with pytest.raises(Interrupted, match="evidence"):
        box.run()
    assert server.sent_bytes <= len(CONTENT)
    box.evidence = False
    box.told = []
    assert box.run().read_bytes() == CONTENT
    assert int(server.asked[1]["Range"].removeprefix("bytes=").rstrip("-")) > 0


def test_a_bundle_that_changed_meanwhile_is_begun_anew(box, server):
    server.cut_after = 300_000
    server.etag = '"older"'
    server.content = bytes(len(CONTENT))
    with pytest.raises(Interrupted):
        box.run()
    server.content, server.etag, server.cut_after = CONTENT, f'"{SHA}"', None
    assert box.run().read_bytes() == CONTENT


def test_a_server_without_ranges_or_versions_serves_too(box, server):
    server.ranges, server.etag = False, ""
    server.cut_after = 300_000
    with pytest.raises(Interrupted):
        box.run()
    server.cut_after = None
    assert box.run().read_bytes() == CONTENT


def test_another_content_of_the_same_length_is_no_bundle(box, server):
    server.content = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    with pytest.raises(DownloadFailed, match="SHA-256"):
        box.run()
    assert names(box) == []


@pytest.mark.parametrize("difference", [-1, 1])
def test_another_length_than_offered_is_no_bundle(tmp_path, server, difference):
    box = Box(tmp_path, server, size=len(CONTENT) + difference)
    with pytest.raises(DownloadFailed, match=f"{len(CONTENT)} bytes there, {len(CONTENT) + difference} were offered"):
        box.run()


@pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404, 410])
def test_what_the_bridge_refuses_is_not_asked_for_again(box, server, status):
    server.status = status
    with pytest.raises(DownloadFailed, match=str(status)):
        box.run()


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_bridge_that_is_busy_is_asked_again(box, server, status):
    server.status = status
    with pytest.raises(Interrupted, match=str(status)):
        box.run()
    server.status = None
    assert box.run().read_bytes() == CONTENT


def test_nobody_there_is_no_failure(tmp_path, server):
    box = Box(tmp_path, server)
    box.wanted = Wanted("http://127.0.0.1:1/x", 10, SHA)
    with pytest.raises(Interrupted, match="connection failed"):
        box.run()
    for url in ("http:///x", "http://[::1/x", "http://host:port/x"):
        box.wanted = Wanted(url, 10, SHA)
        with pytest.raises(DownloadFailed, match="address"):
            box.run()


def test_the_disk_keeps_its_reserve(box, server):
    box.free = len(CONTENT) + 999
    with pytest.raises(Interrupted, match="free bytes"):
        box.run()
    assert server.asked == []
    box.free = len(CONTENT) + 1000

    class Filling(list):
        def append(self, have):
            super().append(have)
            box.free = 999

    box.told = Filling()
    with pytest.raises(Interrupted, match="free bytes"):
        box.run()
    assert 0 < box.told[-1] < len(CONTENT)
    box.free, box.told = 10**9, []
    assert box.run().read_bytes() == CONTENT


def test_leftovers_of_another_bundle_go(box):
    box.folder.mkdir(parents=True)
    (box.folder / "0123.part").write_bytes(b"x" * 100)
    (box.folder / "0123.json").write_bytes(b"{}")
    (box.folder / BUNDLE).write_bytes(b"another")
    assert box.run().read_bytes() == CONTENT
    assert names(box) == [BUNDLE]


def test_a_whole_bundle_that_is_there_is_not_fetched_again(box, server):
    box.run()
    assert box.run() == box.folder / BUNDLE
    assert len(server.asked) == 1
    assert isinstance(box.folder, Path)


def test_a_bundle_that_rauc_has_made_roots_own_is_no_obstacle(box, monkeypatch):
    box.folder.mkdir(parents=True)
    (box.folder / BUNDLE).write_bytes(b"of an installation that is over")
    real = Path.open

    def refuse(path, *arguments, **options):
        if path.name == BUNDLE:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        assert box.run() == box.folder / BUNDLE
    assert (box.folder / BUNDLE).read_bytes() == CONTENT
