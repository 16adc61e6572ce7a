"""The terminal's picture of a running demo."""

from __future__ import annotations

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from demo.chain import ADMIN, BUTTONS, Chain
from demo.observer import Journey
from demo.store import Person

_ROWS = 14


def picture(chain: Chain, journeys: list[Journey], people: list[Person], now_ns: int, *, keys: bool) -> Group:
    """The page's address and who may log in there, the processes, the newest presses with how far each has come."""
    return Group(_head(chain, people, keys=keys), _journeys(journeys, now_ns))


def accounts(people: list[Person]) -> Table:
    """Who may log in, and what they see."""
    table = Table.grid(padding=(0, 3))
    for person in people:
        role = str(person.role).replace("_", " ")
        table.add_row(Text(person.name, "bold"), Text(person.password, "bold"), role, person.sees)
    return table


def _head(chain: Chain, people: list[Person], *, keys: bool) -> Panel:
    text = Text()
    text.append("Listen in the browser  ")
    text.append(chain.web_url, style="bold link " + chain.web_url)
    text.append("   user ")
    text.append(ADMIN, style="bold")
    text.append("   password ")
    text.append(chain.admin_password, style="bold")
    text.append("\nThe box's own page     ")
    text.append(chain.box_url, style="link " + chain.box_url)
    text.append("\n")
    for child in chain.children:
        text.append("● ", style="green" if child.running() else "red")
        text.append(child.name + "   ")
    if keys:
        text.append("\n")
        for number, button in enumerate(BUTTONS, 1):
            text.append(f" {number} ", style="reverse")
            text.append(f" {button.name}   ")
        text.append(" q ", style="reverse")
        text.append(" quit")
    shown = Group(text, Text(), accounts(people)) if people else text
    return Panel(shown, title="Earshot", title_align="left")


def _journeys(journeys: list[Journey], now_ns: int) -> Table:
    table = Table(expand=True)
    for heading in ("button", "press", "at the broker after", "track", "bridge's receipt after"):
        table.add_column(heading)
    for journey in sorted(journeys, key=lambda j: j.data.stamp.mono_ns, reverse=True)[:_ROWS]:
        press_ns = journey.data.stamp.mono_ns
        receipt_ns = journey.track_receipt_ns
        table.add_row(
            journey.data.button,
            journey.press[:8],
            f"{(journey.event_ns - press_ns) / 1e6:.0f} ms",
            _track(journey, (now_ns - press_ns) / 1e9),
            "" if receipt_ns is None else f"{(receipt_ns - press_ns) / 1e9:.2f} s",
        )
    return table


def _track(journey: Journey, age_s: float) -> Text:
    if journey.lost is not None:
        return Text(f"lost: {journey.lost}", style="red")
    manifest = journey.manifest
    if manifest is None:
        waiting = "hammering: shares another press's track" if journey.data.misuse else f"recording, {age_s:.0f} s"
        return Text(waiting if journey.data.track else "no track", style="yellow")
    length = (
        f"{manifest.frames / manifest.rate_hz:.1f} s, press at {manifest.press_offset_frames / manifest.rate_hz:.3f} s"
    )
    length += f" ± {manifest.align_error_ms:.2f} ms"
    if manifest.partial:
        length += f", partial: {manifest.partial_reason}"
    if journey.track_receipt_ns is not None:
        return Text(length, style="green")
    return Text(f"{len(journey.chunks)} of {len(manifest.chunk_sha256)} chunks; {length}", style="cyan")
