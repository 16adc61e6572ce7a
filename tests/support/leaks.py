"""Looks for sound of a watermarked source in bytes, and says which of it lies outside of the permitted windows."""

from collections import defaultdict
from pathlib import Path

import numpy as np
from broker import Heard
from watermark import Find, search

from edge.wire import parse_topic

# Four samples of the source's noise are 64 bits that occur in no other place.
_KEY_FRAMES = 4


class LeakSearch:
    """`windows`: (first, end) frames of the source that may be anywhere, because somebody pressed."""

    def __init__(self, source: np.ndarray, windows: list[tuple[float, float]]) -> None:
        keys = _keys(source)
        self._order = np.argsort(keys)
        self._keys = keys[self._order]
        self._windows = windows
        self.permitted = 0

    def in_file(self, path: Path) -> list[str]:
        return self._judge(search(path.read_bytes(), str(path)))

    def in_folder(self, folder: Path) -> list[str]:
        return [leak for path in sorted(folder.rglob("*")) if path.is_file() for leak in self.in_file(path)]

    def in_messages(self, messages: list[Heard]) -> list[str]:
        """Each payload by itself, and the chunks of each track put together."""
        leaks = []
        chunks = defaultdict(dict)
        for message in messages:
            leaks += self._judge(search(message.payload, message.topic))
            if "/track/" in message.topic and (topic := parse_topic(message.topic)).channel == "chunk":
                chunks[topic.track][topic.n] = message.payload
        for track, parts in chunks.items():
            leaks += self._judge(search(b"".join(parts[n] for n in sorted(parts)), f"chunks of {track}"))
        return leaks

    def _judge(self, found: list[Find]) -> list[str]:
        leaks = []
        for find in found:
            places = self._places(find.samples)
            outside = [place for place in places if not self._is_permitted(place)]
            if outside:
                leaks.append(f"{find.where}: sound of the source's frames {min(outside)} to {max(outside)}")
            elif not places:
                leaks.append(f"{find.where}: marked sound that is not exactly the source's")
            else:
                self.permitted += 1
        return leaks

    def _places(self, samples: np.ndarray) -> list[int]:
        """Where in the source any `_KEY_FRAMES` of `samples` come from, as far as they are unaltered."""
        keys = _keys(samples)
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return self._order[at[self._keys[at] == keys]].tolist()

    def _is_permitted(self, place: int) -> bool:
        return any(first <= place and place + _KEY_FRAMES <= end for first, end in self._windows)


def _keys(samples: np.ndarray) -> np.ndarray:
    """Each run of `_KEY_FRAMES` samples as one number."""
    runs = np.lib.stride_tricks.sliding_window_view(samples.astype("<i2"), _KEY_FRAMES)
    return np.ascontiguousarray(runs).view("<u8")[:, 0]
