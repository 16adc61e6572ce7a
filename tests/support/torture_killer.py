"""Kills the processes of a chain, at their named fault points and at random instants, and starts them again."""

import random
import signal
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

import cloud_bridge.faultpoint
import edge.faultpoint
from demo.chain import Chain
from demo.processes import Child

VARIABLE = "EARSHOT_FAULT"
POLL_S = 0.02
# A fault point that was not passed in this time is not reached by this load; the process is then killed all the same.
REACH_S = 20.0
RANDOM_KILL_S = (0.3, 3.0)
# Mostly the first passing, which is the likeliest to be on the way of something unfinished.
NTH = (1, 1, 2, 3)
CRASHES_MAX = 5


@dataclass
class Report:
    """What was done. `unreached` are points that no process came past in time; `crashed` ended without being killed."""

    kills: Counter[str] = field(default_factory=Counter)
    reached: set[str] = field(default_factory=set)
    unreached: set[str] = field(default_factory=set)
    crashed: list[str] = field(default_factory=list)

    def add(self, other: "Report") -> None:
        """Take in what was done after this."""
        self.kills += other.kills
        self.reached |= other.reached
        self.unreached |= other.unreached
        self.crashed += other.crashed


@dataclass
class _Victim:
    child: Child
    targets: deque[str | None]
    target: str | None = None
    deadline_s: float = 0.0
    armed: bool = False


def plan(kills: int, rng: random.Random) -> dict[str, list[str | None]]:
    """`kills` targets by process, None for a random instant: the fault points first (all of them where they fit)."""
    points: list[tuple[str, str | None]] = [("box", name) for name in edge.faultpoint.NAMES]
    points += [("bridge", name) for name in cloud_bridge.faultpoint.NAMES]
    rng.shuffle(points)
    # At least a third dies at random instants: nobody has thought of a name for every one.
    chosen = points[: kills - max(kills // 3, 1)]
    while len(chosen) < kills:
        chosen.append((rng.choice(["box", "bridge", "ear", "mosquitto"]), None))
    by_process: dict[str, list[str | None]] = {}
    for process, point in chosen:
        by_process.setdefault(process, []).append(point)
    for targets in by_process.values():
        rng.shuffle(targets)
    return by_process


def torment(
    chain: Chain, targets: dict[str, list[str | None]], rng: random.Random, tick: Callable[[], None] = lambda: None
) -> Report:
    """Kill until all targets are done; at the end all run without a fault point. From the main thread only."""
    report = Report()
    victims = [_Victim(child, deque(targets.get(child.name, []))) for child in chain.children]
    for victim in victims:
        _aim(victim, rng)
    while any(victim.armed for victim in victims) and len(report.crashed) < CRASHES_MAX:
        for victim in victims:
            _watch(victim, rng, report)
        tick()
        time.sleep(POLL_S)
    return report


def _aim(victim: _Victim, rng: random.Random) -> None:
    """Choose the next target. The first is a kill of a process without fault point, so that the next start gets one."""
    if not victim.targets:
        victim.armed = False
        return
    victim.armed = True
    if victim.targets[0] is None or victim.child.running():
        victim.target = victim.targets.popleft() if victim.targets[0] is None else None
        victim.deadline_s = time.monotonic() + rng.uniform(*RANDOM_KILL_S)
        return
    victim.target = victim.targets.popleft()
    victim.deadline_s = time.monotonic() + REACH_S


def _watch(victim: _Victim, rng: random.Random, report: Report) -> None:
    child = victim.child
    if child.running():
        if not victim.armed or time.monotonic() < victim.deadline_s:
            return
        if victim.target is not None:
            report.unreached.add(victim.target)
        report.kills[child.name] += 1
        child.kill()
    elif child.returncode == -signal.SIGKILL:
        report.kills[child.name] += 1
        if victim.target is not None:
            report.reached.add(victim.target)
    else:
        report.crashed.append(f"{child.name} ended by itself with {child.returncode}:\n{child.log_tail()}")
    _aim(victim, rng)
    armed = victim.armed and victim.target is not None
    child.start({VARIABLE: f"{victim.target}:{rng.choice(NTH)}"} if armed else {})
