"""A clock that stands until it is told to go."""

BOOT_A = "a" * 32
BOOT_B = "b" * 32


class FakeClock:
    """`edge.clock.Clock` under a test's hand; a wall step never touches the monotonic clock."""

    def __init__(self, mono_ns: int = 10**12, wall_ns: int = 1_700_000_000 * 10**9, boot_id: str = BOOT_A):
        self.boot_id = boot_id
        self.is_synced = True
        self.error_ms = 1.0
        self._mono_ns = mono_ns
        self._wall_ns = wall_ns

    def mono_ns(self) -> int:
        return self._mono_ns

    def wall_ns(self) -> int:
        return self._wall_ns

    def synced(self) -> tuple[bool, float]:
        return self.is_synced, self.error_ms

    def advance(self, ns: int) -> None:
        self._mono_ns += ns
        self._wall_ns += ns

    def step_wall(self, ns: int) -> None:
        self._wall_ns += ns
