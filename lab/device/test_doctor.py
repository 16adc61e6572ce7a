"""The doctor on real devices: nothing wrong is found where nothing is, and what is wrong is named."""

import json

from lab.device.installation import EAR, EARSHOT
from lab.device.waiting import run

# What the lab is and a counter should not be: its clock is nobody's care, its broker speaks in the clear.
OF_THE_LAB = {("clock", "free"), ("broker_tls", "off")}


def examined():
    """(check, code) → outcome of each finding, and the exit status."""
    done = run(EARSHOT, "doctor", "--json", check=False)
    return {(one["check"], one["code"]): one for one in json.loads(done.stdout)}, done.returncode


def test_it_finds_nothing_wrong_with_a_counter_that_works(counter, say):
    findings, status = examined()
    for (check, code), one in findings.items():
        say(f"{one['outcome']:7} {check}: {code}: {one.get('found', '')}")
    wrong = {key for key, one in findings.items() if one["outcome"] != "ok"} - OF_THE_LAB
    # The microphone gives digital silence while nobody plays.
    assert wrong <= {("sound", "silent"), ("backlog", "short")}
    assert findings["buttons", "ok"]["outcome"] == "ok"
    assert findings["microphone", "used"]["outcome"] == "ok"
    assert status == (1 if ("sound", "silent") in wrong else 0)


def test_it_names_a_microphone_that_is_not_there(counter, say):
    gone_ns = counter.card.unplug()
    # Until the box has missed it the doctor takes the ear's word.
    counter.fault("sound_stalled", active=True, since_ns=gone_ns)
    findings, status = examined()
    wrong = {key: one for key, one in findings.items() if one["outcome"] == "fault"}
    for key, one in wrong.items():
        say(key, one.get("found", ""))
    counter.card.plug()
    assert status == 1
    assert ("microphone", "absent") in wrong
    assert counter.box.active(EAR)
