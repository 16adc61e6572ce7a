"""The local page's texts in the reader's language, from the message catalogues in edge/locales."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Final

LANGUAGES: Final = ("en", "ru")


@cache
def catalogue(language: str) -> dict[str, str]:
    """All texts of a language under their dotted keys."""
    tree = tomllib.loads(files("edge").joinpath("locales", f"{language}.toml").read_text("utf-8"))
    return {f"{section}.{key}": text for section, texts in tree.items() for key, text in texts.items()}


def choose(wanted: str | None, accept_language: str) -> str:
    """The language asked for by `?lang=`, else the best of Accept-Language, else English."""
    if wanted in LANGUAGES:
        return wanted
    best, best_weight = "en", 0.0
    for part in accept_language[:500].split(","):
        tag, _, parameter = part.strip().partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
        language = tag.partition("-")[0].lower()
        if language in LANGUAGES and weight > best_weight:
            best, best_weight = language, weight
    return best
