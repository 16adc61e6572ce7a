"""Root's side of an update: what is on trial, what is good, what comes back, whenever the power goes."""

import subprocess

import pytest
from fake_rauc import SLOT, Machine

from edge.update.helper import Helper, HelperStatus

OFFER = "ab" * 16


@pytest.fixture
def machine(memory_path):
    return Machine(memory_path)


@pytest.fixture
def helper(machine):
    return Helper(machine.run)


def install(machine, helper, content="signed 2.0", **options):
    machine.bundle.write_text(content)
    helper.ask("install", OFFER)
    assert helper.pending
    return machine.slot("serve", **options)


def test_a_shell_can_read_it():
    assert subprocess.run(["sh", "-n", SLOT], check=False).returncode == 0


def test_a_slot_that_is_not_on_trial_is_good_at_each_start(machine, helper):
    for _ in range(9):
        assert machine.boot() == "A"
        assert machine.state["left"]["A"] == 3
        assert helper.status() == HelperStatus(on_trial=False)


def test_a_good_release_is_installed_tried_and_confirmed(machine, helper):
    machine.boot()
    assert install(machine, helper).returncode == 0
    assert not helper.pending
    assert helper.status() == HelperStatus(on_trial=False, done=OFFER)
    helper.ask("reboot", OFFER)
    machine.slot("serve")
    assert machine.reboots == 1

    assert machine.boot() == "B"
    assert helper.status() == HelperStatus(on_trial=True)
    assert machine.state["left"]["B"] == 2
    helper.ask("confirm", OFFER)
    machine.slot("serve")
    assert helper.status() == HelperStatus(on_trial=False, done=OFFER)
    assert machine.state["left"]["B"] == 3
    machine.slot("deadline")
    assert machine.reboots == 0
    for _ in range(5):
        assert machine.boot() == "B"


@pytest.mark.parametrize("userspace", [True, False], ids=["it starts but proves nothing", "its kernel panics"])
def test_a_release_that_never_confirms_is_left_after_three_tries_and_for_ever(machine, helper, userspace):
    machine.boot()
    install(machine, helper)
    starts = []
    while (slot := machine.boot(userspace=userspace)) == "B":
        starts.append(slot)
        if userspace:
            machine.slot("deadline")
            assert machine.reboots == 1
    assert starts == ["B"] * 3
    machine.slot("boot")
    assert helper.status() == HelperStatus(on_trial=False)
    assert machine.state["left"] == {"A": 3, "B": 0}
    for _ in range(4):
        # Not even a series of power cuts before the slot is marked brings the bad one back.
        assert machine.boot(userspace=False) == "A"
    assert "B" not in machine.state["order"]


@pytest.mark.parametrize("cut", ["begun", "activated"])
def test_a_power_cut_during_the_installation_leaves_a_slot_that_starts(machine, helper, cut):
    machine.boot()
    assert install(machine, helper, cut=cut).returncode != 0
    slot = machine.boot()
    assert slot == {"begun": "A", "activated": "B"}[cut]
    assert helper.status().on_trial == (slot == "B")
    if slot == "A":
        assert install(machine, helper).returncode == 0
        assert machine.boot() == "B"
        assert helper.status().on_trial


def test_the_deadline_restarts_only_what_is_on_trial(machine, helper):
    machine.boot()
    machine.slot("deadline")
    assert machine.reboots == 0
    install(machine, helper)
    machine.slot("deadline")
    assert machine.reboots == 0
    machine.boot()
    said = machine.slot("deadline")
    assert machine.reboots == 1
    assert "has not proved" in said.stdout


def test_what_rauc_refuses_is_said_in_its_words_and_nothing_is_tried(machine, helper):
    machine.boot()
    install(machine, helper, "forged 2.0")
    assert helper.status() == HelperStatus(
        on_trial=False, done=OFFER, error="LastError: signature verification failed: self-signed certificate "
    )
    assert machine.boot() == "A"
    assert helper.status() == HelperStatus(on_trial=False)


def test_no_bundle_or_a_link_in_its_place_is_not_even_given_to_rauc(machine, helper):
    machine.boot()
    helper.ask("install", OFFER)
    machine.slot("serve")
    assert helper.status().error == "there is no bundle"
    (machine.home / "elsewhere").write_text("signed 2.0")
    machine.bundle.symlink_to(machine.home / "elsewhere")
    helper.ask("install", OFFER)
    machine.slot("serve")
    assert helper.status().error == "there is no bundle"
    assert not any(call.startswith("install") for call in machine.state["calls"])


def test_an_installation_that_is_ended_has_an_answer_and_its_slot_stays_on_trial(machine, helper):
    machine.boot()
    install(machine, helper, cut="activated")
    assert helper.status().busy == OFFER
    machine.slot("stopped")
    status = helper.status()
    assert (status.busy, status.done) == (None, OFFER)
    assert "ended before it was done" in status.error
    assert machine.boot() == "B"
    assert helper.status().on_trial
    machine.slot("stopped")
    assert helper.status().on_trial


def test_what_the_box_writes_into_a_wish_is_no_command(machine, helper):
    machine.boot()
    helper.ask("confirm", "'; touch hacked; $(touch hacked)\n../../x")
    machine.slot("serve")
    assert set(helper.status().done) <= set("0123456789abcdef")
    assert not list(machine.home.rglob("hacked"))


def test_no_slot_is_no_business_of_it(machine):
    (machine.home / "cmdline").write_text("ro quiet")
    said = machine.slot("boot")
    assert said.returncode == 1
    assert "not started from slot" in said.stderr


def test_the_box_asks_a_unit_that_is_not_there_in_vain(tmp_path):
    helper = Helper(tmp_path / "none")
    assert helper.status() is None
    assert not helper.pending
    with pytest.raises(FileNotFoundError):
        helper.ask("install", OFFER)
