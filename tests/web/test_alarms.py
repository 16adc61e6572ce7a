"""Alarms, rules, notifications and webhooks in the pages: seen where they may be, acknowledged once, set by some."""

import msgspec
import pytest
from alarm_rows import BEGAN_NS, PLAN, put_alarm
from sqlalchemy import insert, select
from web_world import token_of

from cloud_bridge.alarms.watches import all_rules, budget
from cloud_bridge.notify.outbox import enqueue, to_address, to_webhook
from cloud_bridge.store import tables as t
from cloud_bridge.store.org import Place
from cloud_bridge.store.tables_alarm import alarm, rule_plan
from cloud_bridge.store.tables_notify import notification, notify_channel, subscription, webhook
from cloud_bridge.store.users import Role, list_audit


def row_of(world, table, number):
    with world.store.read() as connection:
        return connection.execute(select(table).where(table.c.id == number)).one()


def post(client, page, path, **form):
    return client.post(path, data={"_csrf_token": token_of(client.get(page).text), **form})


def test_an_alarm_shows_its_evidence_and_is_acknowledged_once(world, client):
    world.box("riga", "counter-1")
    red, _ = world.press(employee="Ann")
    green, _ = world.press(track=False, trigger="rating", rating=5, button="green")
    found = put_alarm(world, 1, presses=[red, green])
    assert found in client.get("/alarms").text
    page = client.get(f"/alarms/{found}").text
    assert f"/presses/{red}" in page
    assert f"/presses/{green}" not in page
    everything = client.get(f"/alarms/{found}?presses=all").text
    assert f"/presses/{green}" in everything
    assert everything.count(">Evidence</span>") == 1
    assert "4 events" in page
    assert "0.50" in page
    assert post(client, f"/alarms/{found}", f"/alarms/{found}/acknowledge", note=" <b>a queue</b> ").status_code == 303
    row = row_of(world, alarm, found)
    assert (row.acknowledged_by, row.note, row.life) == ("anna", "<b>a queue</b>", "active")
    assert "&lt;b&gt;a queue" in client.get(f"/alarms/{found}").text
    # Still active, so it is still to be looked at; once cleared it is done.
    assert found in client.get("/alarms").text
    again = post(client, "/alarms?life=all", f"/alarms/{found}/acknowledge", note="another")
    assert again.status_code == 303
    assert row_of(world, alarm, found).note == "<b>a queue</b>"
    assert [one.action for one in list_audit(world.store)].count("alarm.acknowledge") == 1


def test_lists_by_state_go_on_page_by_page(world, client):
    for number in range(1, 61):
        put_alarm(world, number, **({} if number % 2 else {"life": "cleared", "cleared_ns": BEGAN_NS + 10**12}))
    first = client.get("/alarms").text
    assert first.count('class="alarm-row"') == 50
    older = first[first.index("/alarms?cursor=") :].partition('"')[0].replace("&amp;", "&")
    assert client.get(older).text.count('class="alarm-row"') == 10
    assert client.get("/alarms?life=cleared").text.count('class="alarm-row"') == 30
    assert client.get("/alarms?life=done").text.count('class="alarm-row"') == 0
    assert client.get("/alarms?site=nowhere").text.count('class="alarm-row"') == 0
    for odd in ("cursor=x", "cursor=99999999999999999999.0", "life=odd", "cursor=9999999999999999999." + "0" * 32):
        assert client.get(f"/alarms?{odd}").status_code == 200


def test_an_alarm_of_another_place_does_not_exist(world, enter):
    mine, other = put_alarm(world, 1), put_alarm(world, 2, site="elsewhere")
    beside = put_alarm(world, 3, counter="counter-2")
    whole = put_alarm(world, 4, counter=None, scope="site", stream="riga")
    manager = enter(Role.SITE_MANAGER, (Place("riga", "counter-1"),))
    page = manager.get("/alarms").text
    assert mine in page
    for hidden in (other, beside, whole):
        assert hidden not in page
        assert manager.get(f"/alarms/{hidden}").status_code == 404
        token = token_of(manager.get("/account").text)
        assert manager.post(f"/alarms/{hidden}/acknowledge", data={"_csrf_token": token}).status_code == 404
    assert row_of(world, alarm, other).acknowledged_by is None


def test_rules_and_the_budget_are_set_and_thresholds_made_stale(world, client):
    with world.store.read() as connection:
        before = budget(connection).revision
        assert len(all_rules(connection)) == 3
    assert "Red presses: counter" in client.get("/rules").text
    form = {
        "title": "Rush", "method": "window", "scope": "site", "events": "both", "window_minutes": "30,5",
        "usual_per_day": "4", "ratio": "3",
    }  # fmt: skip
    made = post(client, "/rules", "/rules/new", **form)
    assert (made.status_code, made.headers["location"]) == (303, "/rules/4")
    with world.store.read() as connection:
        rule = all_rules(connection)[-1]
    assert (rule.title, rule.watch.window_minutes, rule.watch.usual_per_day, rule.changed_by) == (
        "Rush",
        30.5,
        4,
        "anna",
    )
    assert post(client, "/rules/4", "/rules/4/change", **(form | {"scope": "counter"})).status_code == 303
    assert post(client, "/rules", "/rules/budget", false_alarms="0,5").status_code == 303
    assert post(client, "/rules", "/rules/4/switch").status_code == 303
    with world.store.read() as connection:
        assert budget(connection).false_alarms_a_month == 0.5
        assert budget(connection).revision == before + 4
        assert not all_rules(connection)[-1].enabled
    assert post(client, "/rules/4", "/rules/4/retire").status_code == 303
    assert client.get("/rules/4").status_code == 404
    wrong = [("ratio", "1"), ("ratio", "a lot"), ("events", "none"), ("method", "magic"), ("baseline_from", "soon")]
    for name, value in [*wrong, ("usual_percent", "100"), ("title", "x\x00y")]:
        refused = post(client, "/rules", "/rules/new", **(form | {name: value}))
        assert refused.status_code == 400, (name, value)
        assert 'role="alert"' in refused.text
    for value in ("0", "-1", "x", "", "nan", "inf"):
        assert post(client, "/rules", "/rules/budget", false_alarms=value).status_code == 400, value


def test_a_rule_shows_what_it_takes_for_usual(world, client):
    world.box("riga", "counter-1")
    with world.store.write() as connection:
        plan = msgspec.json.encode(PLAN).decode()
        connection.execute(insert(rule_plan).values(rule=1, stream="riga/counter-1", plan=plan, planned_ns=1))
    page = client.get("/rules/1").text
    assert "0.50" in page
    assert "700 customers" in page
    assert "watches 1 place" in client.get("/rules").text


def test_who_is_told_is_chosen_and_taken_back(world, client):
    world.box("riga", "counter-1")
    form = {"who": "account:1", "digest": "", "quiet_from": "21", "quiet_until": "8", "time_zone": "Europe/Riga"}
    assert post(client, "/notifications", "/notifications/subscriptions", sites="riga", **form).status_code == 303
    assert post(client, "/notifications", "/notifications/subscriptions", **(form | {"digest": "7"})).status_code == 303
    assert row_of(world, subscription, 1).sites == '["riga"]'
    assert row_of(world, subscription, 2).digest_hour == 7
    page = client.get("/notifications").text
    assert "quiet from 21:00 to 08:00, Europe/Riga" in page
    for name, value in [("who", "account:99"), ("who", "x"), ("time_zone", "Mars/Base"), ("quiet_from", "24")]:
        refused = post(client, "/notifications", "/notifications/subscriptions", **(form | {name: value}))
        assert refused.status_code == 400, (name, value)
    assert post(client, "/notifications", "/notifications/subscriptions/1/remove").status_code == 303
    assert post(client, "/notifications", "/notifications/subscriptions/1/remove").status_code == 404


def test_a_channel_keeps_its_secret_and_is_tried(world, client):
    url = "tgram://123456789:abcdefghijklmnopqrstuvwxyz/12315544/"
    channels = "/notifications/channels"
    assert post(client, "/notifications", channels, name="Duty", url=url, language="ru").status_code == 303
    page = client.get("/notifications").text
    assert "Duty" in page
    assert "abcdefghij" not in page
    assert post(client, "/notifications", f"{channels}/1/test").status_code == 303
    assert row_of(world, notification, 1).channel == 1
    assert post(client, "/notifications", f"{channels}/1/switch").status_code == 303
    assert not row_of(world, notify_channel, 1).enabled
    for name, value in [("url", "json://127.0.0.1/"), ("url", "file:///etc/passwd"), ("name", ""), ("name", "Duty")]:
        refused = post(client, "/notifications", channels, **({"name": "B", "url": url} | {name: value}))
        assert refused.status_code == 400, (name, value)
    assert not any("abcdef" in one.object for one in list_audit(world.store))


def test_the_log_shows_what_became_of_messages(world, client):
    with world.store.write() as connection:
        for n in range(60):
            to = to_address("client@example.org")
            enqueue(connection, key=str(n), to=to, subject=f"Reply <{n}>", text="secret text", now_ns=BEGAN_NS)
        connection.execute(notification.update().where(notification.c.id == 60).values(state="failed"))
    page = client.get("/notifications").text
    assert "Reply &lt;59&gt;" in page
    assert "secret text" not in page
    assert page.count("<td>client@example.org") == 50
    older = page[page.index("/notifications?state=") :].partition('"')[0].replace("&amp;", "&")
    assert client.get(older).text.count("<td>client@example.org") == 10
    assert client.get("/notifications?state=failed").text.count("client@example.org") >= 1
    assert post(client, "/notifications", "/notifications/60/again").status_code == 303
    assert row_of(world, notification, 60).state == "waiting"


def test_a_webhook_shows_its_key_once_and_sends_again(world, client):
    form = {"name": "CRM", "url": "https://crm.example/in", "events": ["alarm.raised", "case.warned"]}
    made = post(client, "/webhooks", "/webhooks/new", **form)
    secret = row_of(world, webhook, 1).secret
    assert secret in made.text
    for path in ("/webhooks", "/webhooks/1"):
        assert secret not in client.get(path).text
    assert row_of(world, webhook, 1).events == '["alarm.raised", "case.warned"]'
    with world.store.write() as connection:
        enqueue(connection, key="e", to=to_webhook(1), subject="alarm.raised", text="{}", now_ns=BEGAN_NS)
    assert post(client, "/webhooks/1", "/webhooks/1/messages/1/replay").status_code == 303
    assert row_of(world, notification, 2).key == "e replay 1"
    assert post(client, "/webhooks/1", "/webhooks/1/messages/99/replay").status_code == 404
    assert post(client, "/webhooks", "/webhooks/1/switch").status_code == 303
    assert not row_of(world, webhook, 1).enabled
    assert post(client, "/webhooks/1", "/webhooks/1/remove").status_code == 303
    assert client.get("/webhooks/1").status_code == 404
    for name, value in [
        ("url", "http://127.0.0.1/"),
        ("url", "https://u:p@crm.example/"),
        ("events", "x"),
        ("name", ""),
    ]:
        assert post(client, "/webhooks", "/webhooks/new", **(form | {name: value})).status_code == 400, (name, value)


@pytest.mark.parametrize("path", ["/alarms", "/rules", "/notifications", "/webhooks"])
def test_pages_speak_russian(client, path):
    client.cookies.set("earshot_language", "ru")
    assert "Тревоги" in client.get(path).text


def test_presses_of_evidence_are_shown_as_far_as_they_may_be_seen(world, enter):
    world.box("riga", "counter-1")
    world.box("riga", "counter-2")
    one, _ = world.press(box="counter-1")
    two, _ = world.press(box="counter-2")
    found = put_alarm(world, 1, presses=[one, two])
    manager = enter(Role.SITE_MANAGER, (Place("riga", "counter-1"),))
    page = manager.get(f"/alarms/{found}?presses=all").text
    assert f"/presses/{one}" in page
    assert f"/presses/{two}" not in page
    assert row_of(world, t.press, two).box == "counter-2"
