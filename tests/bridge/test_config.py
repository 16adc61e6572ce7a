"""The bridge's configuration, receipts' grouping and fault points."""

import pytest

from cloud_bridge import config, faultpoint, receipts
from cloud_bridge.config import ConfigError
from cloud_bridge.ingest.batch import Owned
from edge import wire


def test_an_empty_file_is_a_whole_configuration(tmp_path):
    path = tmp_path / "bridge.toml"
    path.write_text("")
    assert config.load(path) == config.Config()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[brokr]", "brokr"),
        ("[broker]\nhots = 'x'", "hots"),
        ("[broker]\nport = 0", "port"),
        ("[broker]\nport = '1883'", "port"),
        ("[broker]\npassword = 'a'\npassword_file = 'b'", "keep one"),
        ("[broker]\nbackoff_min_s = 40", "backoff_min_s"),
        ("[ingest]\nretry_min_ms = 20000", "retry_min_ms"),
        ("[ingest]\nbatch_messages = 0", "batch_messages"),
        ("nonsense", "TOML"),
        ("\0", "TOML"),
    ],
)
def test_wrong_settings_stop_the_start(tmp_path, text, message):
    path = tmp_path / "bridge.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        config.load(path)


def test_files_that_are_not_there_are_named(tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        config.load(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match=r"broker\.password_file"):
        config.secret_text("", str(tmp_path / "none"), "broker.password_file")
    (tmp_path / "secret").write_text("first\nsecond\n")
    assert config.secret_text("", str(tmp_path / "secret"), "x") == "first"


def test_receipts_are_grouped_by_box_each_thing_once_and_bounded():
    def thing(box, n):
        return Owned("site", box, wire.Received(kind="chunk", id="a" * 32, sha256="b" * 64, n=n))

    things = [thing("two", 0), *[thing("one", n) for n in range(1000)], thing("two", 0)]
    messages = receipts.messages(things, [thing("two", 5)])
    assert [topic.split("/")[3] for topic, _ in messages] == ["one", "one", "one", "two", "two"]
    assert max(len(payload) for _, payload in messages) < wire.JSON_BYTES_MAX
    decoded = [wire.decode(payload, wire.Receipt) for _, payload in messages]
    assert [len(receipt.received) for receipt in decoded] == [400, 400, 200, 1, 0]
    assert [entry.n for entry in decoded[-1].resend] == [5]


def test_fault_points(monkeypatch):
    killed = []
    monkeypatch.setattr(faultpoint.os, "kill", lambda *arguments: killed.append(arguments))
    name = faultpoint.NAMES[0]
    fault = faultpoint.from_environment({"EARSHOT_FAULT": f"{name}:2"})
    fault(faultpoint.NAMES[1])
    fault(name)
    assert killed == []
    fault(name)
    fault(name)
    assert len(killed) == 1
    assert faultpoint.from_environment({}) is faultpoint.no_fault
    for wrong in ("nowhere", f"{name}:0", f"{name}:x"):
        with pytest.raises(ValueError, match="EARSHOT_FAULT"):
            faultpoint.from_environment({"EARSHOT_FAULT": wrong})
