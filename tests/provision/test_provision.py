"""From a sheet to files in place: whole, once, again after any power cut, and never less than before."""

import json
import stat
import tomllib

import pytest
from card import CODE, OTHER_CODE, PSK, SERIAL, SHEET
from click.testing import CliRunner

from edge.cli import cli
from edge.config import MASK, load
from edge.enrol.identity import Identity, Order
from edge.provision.ledger import FAULTS, ProvisionError
from edge.provision.provision import Outcome, provision
from edge.provision.sheet_text import FILE_BYTES, blank, padded
from edge.provision.trouble import trouble_of


def box_toml(card):
    return load(card.data / "etc/earshot/box.toml")


def test_a_sheet_becomes_a_box(card):
    card.write(SHEET)
    result = card.start()

    assert result.outcome is Outcome.NEW
    files = card.files()
    assert {name: mode for name, (mode, _) in files.items() if name != "etc/localtime"} == {
        "etc/hostname": 0o644,
        "etc/earshot/box.toml": 0o640,
        "etc/iwd/main.conf": 0o644,
        "var/lib/iwd/office.psk": 0o600,
        "var/lib/earshot/identity/order.json": 0o600,
    }
    assert files["etc/hostname"][1] == b"counter-1\n"
    assert files["etc/localtime"][1] == b"/usr/share/zoneinfo/Europe/Riga"
    assert f"Passphrase={PSK}\n".encode() in files["var/lib/iwd/office.psk"][1]
    assert b"Country=LV\n" in files["etc/iwd/main.conf"][1]
    config = box_toml(card)
    assert (config.box.site, config.box.name, config.box.place) == ("north", "counter-1", "North branch, counter 1")
    assert config.uplink.enrolled
    assert [button.driver for button in config.buttons] == ["virtual"]
    order = Identity(card.data / "var/lib/earshot/identity").order()
    assert order == Order(bridge_url="https://bridge.example", code=CODE, site="north", box="counter-1")
    ledger = card.data / "provision"
    assert stat.S_IMODE(ledger.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in ledger.iterdir()} == {0o600}


def test_secrets_leave_the_card_and_all_else_stays(card):
    card.write(SHEET)
    card.start()
    assert card.sheet.rstrip() == SHEET.rstrip().replace(CODE, MASK).replace(f"'{PSK}'", f'"{MASK}"')
    assert (card.boot / "earshot.toml").stat().st_size == FILE_BYTES
    assert [path.name for path in card.boot.iterdir()] == ["earshot.toml"]


def test_the_former_file_is_overwritten_where_it_stood(card):
    card.write(SHEET)
    with (card.boot / "earshot.toml").open("rb") as former:
        card.start()
        assert former.read().strip(b"\0") == b""


def test_the_next_start_changes_nothing(card):
    card.write(SHEET)
    card.start()
    before = {path: path.stat().st_mtime_ns for path in card.folder.rglob("*")}
    assert card.start().outcome is Outcome.UNCHANGED
    assert {path: path.stat().st_mtime_ns for path in card.folder.rglob("*")} == before


def test_an_edited_sheet_counts_at_the_next_start_and_keeps_the_hidden_secrets(card):
    card.write(SHEET)
    card.start()
    identity = Identity(card.data / "var/lib/earshot/identity")
    order = identity.order()
    card.write(card.sheet.replace("North branch", "Old town").replace('"office"', '"ware house!"'))
    assert card.start().outcome is Outcome.NEW
    assert box_toml(card).box.place == "Old town, counter 1"
    files = card.files()
    name = "var/lib/iwd/=" + b"ware house!".hex() + ".psk"
    assert f"Passphrase={PSK}\n".encode() in files[name][1]
    assert "var/lib/iwd/office.psk" not in files, "the former network is forgotten"
    assert identity.order() == order


def test_a_new_code_asks_for_a_new_enrolment(card):
    card.write(SHEET)
    card.start()
    card.write(card.sheet.replace(f'code = "{MASK}"', f'code = "{OTHER_CODE}"'))
    card.start()
    assert Identity(card.data / "var/lib/earshot/identity").order().code == OTHER_CODE
    assert OTHER_CODE not in card.sheet


def test_another_name_needs_a_new_code(card):
    card.write(SHEET)
    card.start()
    files = card.files()
    card.write(card.sheet.replace('"counter-1"', '"counter-2"'))
    result = card.start()
    assert (result.outcome, result.problem.code) == (Outcome.REFUSED, "new_code")
    files["var/lib/earshot/setup-trouble.json"] = card.files()["var/lib/earshot/setup-trouble.json"]
    assert card.files() == files


def test_a_bad_sheet_is_told_and_what_was_good_stays(card):
    card.write(SHEET)
    card.start()
    good = card.files()
    card.write(card.sheet.replace('site = "north"', 'site = "Nord!"'))
    result = card.start()

    assert result.outcome is Outcome.REFUSED
    assert result.plan is not None
    assert "Line 3: box.site can't be used" in card.report
    assert "Строка 3: значение box.site не подходит" in card.report
    assert "goes on with the settings that it had" in card.report
    told = card.files()
    assert "box.site" in trouble_of(card.data / "var/lib/earshot")["en"]
    del told["var/lib/earshot/setup-trouble.json"]
    assert told == good
    written = (card.boot / "earshot-error.txt").stat().st_mtime_ns
    card.start()
    assert (card.boot / "earshot-error.txt").stat().st_mtime_ns == written, "the same report is not written again"

    card.write(SHEET)
    assert card.start().outcome is Outcome.UNCHANGED
    assert card.report is None
    assert trouble_of(card.data / "var/lib/earshot") is None
    assert card.files() == good


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no such file"),
        (b"\xff\xfe[\x00b\x00", "can't be read"),
        (b"#" * 70_000, "more than 65536 bytes"),
        (padded(blank()), "not filled in"),
        (SHEET.replace("Europe/Riga", "Europe/Rega").encode(), "Europe/Rega is not known"),
        (SHEET.replace(CODE, MASK).encode(), "bridge.code is hidden"),
        ((SHEET + "[settings.ear]\ndepth_s = 20\n").encode(), "ear.depth_s = 20"),
        ((SHEET + "[settings.ear]\nfoo = 20\n").encode(), "foo"),
        ((SHEET + '[settings]\near = "x"\n').encode(), "settings"),
        ((SHEET + '[settings.box]\ndata_dir = "/tmp"\n').encode(), "one place"),
    ],
)
def test_a_first_sheet_that_is_bad_makes_no_box(card, content, said):
    if content is not None:
        (card.boot / "earshot.toml").write_bytes(content)
    result = card.start()
    assert (result.outcome, result.plan) == (Outcome.REFUSED, None)
    assert said in card.report
    assert "records nothing" in card.report
    assert set(card.files()) == {"var/lib/earshot/setup-trouble.json"}
    if content is not None:
        assert (card.boot / "earshot.toml").read_bytes() == content, "it is left to be corrected"


def test_files_of_windows_are_read(card):
    (card.boot / "earshot.toml").write_bytes(b"\xef\xbb\xbf" + SHEET.replace("\n", "\r\n").encode())
    assert card.start().outcome is Outcome.NEW
    assert CODE not in card.sheet


def test_a_box_without_a_name_is_called_after_its_board_for_ever(card):
    card.write(SHEET.replace('name = "counter-1"  # ours\n', ""))
    card.start()
    assert box_toml(card).box.name == "box-" + SERIAL[-8:]


def test_a_board_without_a_serial_number_draws_a_name_once(card):
    card.write(SHEET.replace('name = "counter-1"  # ours\n', ""))
    card.start(serial="")
    name = box_toml(card).box.name
    card.write(card.sheet.replace("North branch", "Old town"))
    card.start(serial="")
    assert box_toml(card).box.name == name


def test_host_names_have_no_underscore(card):
    card.write(SHEET.replace('"counter-1"', '"counter_1_"'))
    card.start()
    assert card.files()["etc/hostname"][1] == b"counter-1\n"


def test_a_broker_with_a_password_instead_of_an_enrolment(card):
    ca = "-----BEGIN CERTIFICATE-----\\nxx\\n-----END CERTIFICATE-----\\n"
    card.write(
        f'[box]\nsite = "north"\nname = "one"\n[broker]\nhost = "broker.example"\npassword = "p w"\nca = "{ca}"\n'
        '[network]\naddress = "192.0.2.5/24"\ngateway = "192.0.2.1"\ndns = ["192.0.2.1"]\n'
        '[sound]\ndevice = "plughw:CARD=Device"\n[web]\ntoken = "a long secret"\n'
        '[ssh]\nkeys = ["ssh-ed25519 AAAA anna"]\n'
        '[[buttons]]\nname = "red"\nline = "GPIO17"\n'
        '[[buttons]]\nname = "foot"\ntrigger = "appeal"\ndevice = "/dev/input/by-id/x"\nkey = "KEY_A"\n'
        '[[lamps]]\nname = "lamp"\nline = "GPIO27"\nbutton = "red"\n'
        "[settings.tracks.windows.incident]\nbefore_s = 10\nafter_s = 5\n"
    )
    card.start()
    config, files = box_toml(card), card.files()
    assert not config.uplink.enrolled
    assert (config.uplink.host, config.uplink.user) == ("broker.example", "north/one")
    assert config.uplink.password_file == "/run/credentials/earshot-box.service/broker"
    assert files["etc/credstore/earshot.broker-password"] == (0o600, b"p w\n")
    assert files["etc/earshot/broker-ca.pem"][1].startswith(b"-----BEGIN")
    assert [(button.name, button.driver) for button in config.buttons] == [("red", "gpio"), ("foot", "usb")]
    assert config.lamps[0].button == "red"
    assert (config.ear.device, config.web.token, config.web.host) == ("plughw:CARD=Device", "a long secret", "0.0.0.0")
    assert list(config.tracks.windows) == ["incident"]
    assert (
        b"Address=192.0.2.5/24\nGateway=192.0.2.1\nDNS=192.0.2.1\n"
        in files["etc/systemd/network/10-earshot.network"][1]
    )
    assert files["etc/ssh/authorized_keys"] == (0o600, b"ssh-ed25519 AAAA anna\n")
    assert not (card.data / "var/lib/earshot/identity").exists()
    assert "p w" not in card.sheet
    assert "a long secret" not in card.sheet
    tree = tomllib.loads((card.data / "etc/earshot/box.toml").read_text())
    assert set(tree["ear"]) == {"device"}, "only what is said: other versions read the file, too"


def test_learned_buttons_stay_where_the_sheet_names_none(card):
    card.write(SHEET)
    card.start()
    path = card.data / "etc/earshot/box.toml"
    path.write_text(path.read_text() + '\n[[buttons]]\nname = "foot"\ndriver = "virtual"\ntrigger = "appeal"\n')
    card.write(card.sheet.replace("North branch", "Old town"))
    card.start()
    assert [button.name for button in box_toml(card).buttons] == ["red", "foot"]


def test_a_box_that_is_enrolled_is_not_asked_to_enrol_again(card):
    card.write(SHEET)
    card.start()
    identity = Identity(card.data / "var/lib/earshot/identity")
    from edge.enrol.identity import Enrolled

    identity.keep_enrolled(
        Enrolled(
            site="north",
            box="counter-1",
            bridge_url="https://bridge.example",
            code_id=CODE[:5],
            broker_host="b",
            broker_port=1,
            certificate="",
            broker_ca="",
            bridge_ca="",
            begins_ns=0,
            expires_ns=1,
        )
    )
    card.write(card.sheet.replace("North branch", "Old town"))
    card.start()
    assert identity.order() is None


CASES = {
    "first": (None, SHEET),
    "edited": (
        SHEET,
        SHEET.replace("North branch", "Old town").replace('"office"', '"ware"').replace(CODE, OTHER_CODE),
    ),
    "refused": (SHEET, SHEET.replace('"LV"', '"Latvia"')),
    "put right": (SHEET.replace('"LV"', '"Latvia"'), SHEET),
}


@pytest.mark.parametrize("case", CASES)
def test_a_power_cut_at_any_step_ends_as_if_there_had_been_none(case, tmp_path):
    """At each fault point in turn the process is killed; what a whole second start makes is always the same."""
    from card import Card

    def begun(name):
        (tmp_path / name).mkdir()
        made = Card(tmp_path / name)
        before, after = CASES[case]
        if before is not None:
            made.write(before)
            made.start()
        made.write(after)
        return made

    whole = begun("whole")
    whole.start()
    nth, seen = 0, []
    while True:
        nth += 1
        cut = begun(str(nth))
        old = cut.files()
        name = cut.start_killed(nth)
        if name is None:
            break
        assert name in FAULTS
        seen.append(name)
        if name.startswith("plan.") and name not in ("plan.after_rename", "plan.after_folder_fsync"):
            assert cut.files() == old, f"{name}: nothing is changed before all is decided"
        cut.start()
        assert cut.files() == whole.files(), name
        assert cut.sheet == whole.sheet, name
        assert cut.report == whole.report, name
        assert not [path for path in (cut.boot).iterdir() if path.name not in {"earshot.toml", "earshot-error.txt"}]
    assert len(seen) >= (4 if case == "refused" else 20)


def test_a_card_that_cannot_be_written_is_told_after_the_box_is_made(card, monkeypatch):
    from edge.provision import boot_folder

    def refuses(*_):
        raise OSError(30, "Read-only file system")

    card.write(SHEET)
    monkeypatch.setattr(boot_folder, "write_durable", refuses)
    with pytest.raises(OSError, match="Read-only"):
        card.start()
    assert box_toml(card).box.site == "north"


def test_accounts_that_are_missing_are_told(card):
    card.write(SHEET)
    with pytest.raises(ProvisionError, match="systemd-sysusers"):
        provision(card.boot, card.data, serial="", owner=unknown_owner)


def unknown_owner(user, group):
    from edge.provision.ledger import owner_of

    return owner_of("nobody-of-this-name", group)


def test_the_command_tells_programs_and_people(card, monkeypatch):
    from edge.provision import ledger

    monkeypatch.setattr(ledger, "owner_of", lambda *_: (0, 0))
    card.write(SHEET)
    arguments = ["provision", "--boot", str(card.boot), "--data", str(card.data)]
    done = CliRunner().invoke(cli, arguments)
    told = json.loads(done.stdout)
    assert (done.exit_code, told["outcome"], told["name"]) == (0, "new", "north/counter-1")
    assert PSK not in done.output
    assert CODE not in done.output
    card.write("[box\n")
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0
    assert "Line 1" in done.stderr


def test_the_boards_lamp_blinks(tmp_path):
    from edge.provision.board_led import blink

    assert not blink(tmp_path)
    (tmp_path / "led0").mkdir()
    assert blink(tmp_path)
    assert (tmp_path / "led0/trigger").read_text() == "timer"
