"""`earshot simulate`: invent a history and send it to a bridge."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import click

from cloud_bridge.config import Broker, ConfigError
from cloud_bridge.simulate.delivery import BoxDelivery, DeliveryError, Outcome, account
from cloud_bridge.simulate.receipts import ReceiptsError, post_receipts, poster
from cloud_bridge.simulate.records import MakeSound, boot_of, box_messages, series_of
from cloud_bridge.simulate.speech import Speech, SpeechError
from cloud_bridge.simulate.world import World, make_world

# Boxes that deliver beside each other; the bridge's database is what limits them.
_AT_ONCE = 4


@click.command()
@click.option("--counters", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--days", type=click.IntRange(1, 3660), default=30, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed, the same history.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The history ends where this day begins [today].")
@click.option("--no-tracks", is_flag=True, help="Presses alone, without sound.")
@click.option("--host", default="localhost", show_default=True, help="The broker.")
@click.option("--port", type=click.IntRange(1, 65535), default=8883, show_default=True)
@click.option("--tls/--no-tls", default=True, show_default=True)
@click.option("--ca-file", default="", help="PEM file of the authorities trusted for the broker [the system's].")
@click.option("--user", default="", help="One account that may write for every box.")
@click.option("--password-file", default="", help="Holds that account's password.")
@click.option("--accounts", type=click.Path(path_type=Path, exists=True), help="Instead: lines SITE/BOX:PASSWORD.")
@click.option(
    "--api", default="", help="Post the receipts of those who were served to this bridge, e.g. http://localhost:8088."
)
@click.option("--token-file", type=click.Path(path_type=Path, exists=True), help="Holds a token with receipts.write.")
@click.option("--plan", "only_plan", is_flag=True, help="Print what would be sent, and send nothing.")
def simulate(
    counters: int,
    days: int,
    seed: int,
    until: datetime | None,
    no_tracks: bool,  # noqa: FBT001
    host: str,
    port: int,
    tls: bool,  # noqa: FBT001
    ca_file: str,
    user: str,
    password_file: str,
    accounts: Path | None,
    api: str,
    token_file: Path | None,
    only_plan: bool,  # noqa: FBT001
) -> None:
    """Fill a bridge with an invented history: presses, their sound, shifts, receipts, and three planted failures.

    Everything is marked as simulated. Sending the same history again changes nothing.
    """
    world = make_world(counters, days, seed, until.replace(tzinfo=UTC) if until else datetime.now(UTC))
    click.echo(json.dumps(describe(world)))
    if only_plan:
        return
    if bool(api) != bool(token_file):
        raise click.UsageError("--api and --token-file belong together: a bridge takes receipts by token alone")
    broker = Broker(host=host, port=port, tls=tls, ca_file=ca_file, user=user, password_file=password_file)
    try:
        passwords = _accounts(accounts)
        sound = None if no_tracks else Speech().flac
        outcome = send(world, broker, passwords, sound)
        said: dict[str, object] = {"events": outcome.events, "tracks": outcome.tracks, "repeated": outcome.repeated}
        if token_file is not None:
            said["receipts"] = post_receipts(world, poster(api, token_file.read_text("utf-8").strip()))
    except (ConfigError, DeliveryError, SpeechError, ReceiptsError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(json.dumps(said))


def send(world: World, broker: Broker, passwords: dict[str, str], sound: MakeSound | None) -> Outcome:
    """Deliver everything; raises `DeliveryError` where a box's history can't be, after the others are done.

    Raises `ConfigError` before anything is sent where a box has no account.
    """
    owns = [account(broker, place.site, place.box, passwords) for place in world.counters]

    def one(counter: int) -> Outcome:
        place, own = world.counters[counter], owns[counter]
        series, boot = series_of(world, counter), boot_of(world, counter)
        with BoxDelivery(own, place.site, place.box, series, boot) as delivery:
            return delivery.deliver(box_messages(world, counter, sound), lambda _outcome: None)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        outcomes = list(pool.map(one, range(len(world.counters))))
    return Outcome(
        sum(one.events for one in outcomes), sum(one.tracks for one in outcomes), sum(one.repeated for one in outcomes)
    )


def describe(world: World) -> dict[str, object]:
    """What the history holds, fit for JSON: figures that a report of the bridge has to show again."""
    places = world.counters
    return {
        "seed": world.seed,
        "from": _iso(world.start_ns),
        "until": _iso(world.end_ns),
        "counters": len(places),
        "served": sum(not customer.void for customer in world.customers),
        "red": sum(customer.vote == "red" for customer in world.customers),
        "green": sum(customer.vote == "green" for customer in world.customers),
        "appeals": sum(customer.appeal for customer in world.customers),
        "failures": [
            {
                "kind": str(failure.kind),
                "site": failure.site,
                "box": None if failure.counter is None else places[failure.counter].box,
                "employee": None
                if failure.counter is None or failure.employee is None
                else places[failure.counter].employees[failure.employee],
                "from": _iso(failure.from_ns),
                "until": _iso(failure.until_ns),
                "odds": failure.odds,
            }
            for failure in world.failures
        ],
    }


def _accounts(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    found = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        user, colon, password = line.partition(":")
        if not colon or not user or not password:
            raise ConfigError(f"{path}, line {number}: {user[:60]!r} is no SITE/BOX:PASSWORD")
        found[user] = password
    return found


def _iso(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).isoformat().replace("+00:00", "Z")
