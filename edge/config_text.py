"""The configuration as text: effective values as commented TOML, the example, the reference, the JSON Schema.

All of it is generated from the types and the descriptions in edge/config.py, so none of it can be out of date.
"""

from __future__ import annotations

import builtins
import json
import typing
from collections.abc import Iterator
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Meta, Struct, structs

from edge.config import Box, ButtonConfig, Config, Ear, LampConfig, Uplink, Web
from edge.wire import Trigger

_EXAMPLE = Config(
    box=Box(site="north", name="counter-1", place="North branch, counter 1"),
    ear=Ear(device="plughw:CARD=Device"),
    buttons=(
        ButtonConfig(name="red", driver="gpio", line="GPIO17", trigger=Trigger.INCIDENT),
        ButtonConfig(name="smile-5", driver="gpio", line="GPIO22", trigger=Trigger.RATING, rating=5),
        ButtonConfig(name="appeal", driver="virtual", trigger=Trigger.APPEAL, shared=True),
    ),
    lamps=(LampConfig(name="lamp", driver="gpio_led", line="GPIO27"),),
    uplink=Uplink(host="broker.example.org", user="north/counter-1", password_file="/etc/earshot/broker.password"),  # noqa: S106 - a path
    web=Web(),
)


def example() -> str:
    """A whole configuration to begin with: every setting with its meaning."""
    head = "# The configuration of one box. 'earshot config check' tells what is wrong with it.\n"
    return (
        head
        + "# A setting that is left out has the value shown here, but for [box], [[buttons]] and [[lamps]].\n\n"
        + toml(_EXAMPLE)
    )


def toml(config: Config) -> str:
    """All values as TOML that `edge.config.load` reads again, each with its description; unset ones as comments."""
    return "\n".join(_section("", config)).strip() + "\n"


def schema() -> str:
    """The JSON Schema of the file."""
    return json.dumps(msgspec.json.schema(Config), indent=2, sort_keys=True) + "\n"


def reference() -> str:
    """The reference in Markdown."""
    lines = [
        "# Configuration of the box",
        "",
        "One TOML file, `/etc/earshot/box.toml` by default. Unknown keys, wrong types and impossible values stop the",
        "start with a message that names the key. Begin with `earshot config example`, check with",
        "`earshot config check`; editors read [config.schema.json](config.schema.json). This page is made by",
        "`earshot config reference`.",
    ]
    for title, cls in _tables("", Config):
        lines += ["", f"## {title}", "", (cls.__doc__ or "").strip(), ""]
        lines += ["| key | meaning | values | default |", "|---|---|---|---|"]
        for field in structs.fields(cls):
            hint = _hint(cls, field.name)
            if _inner(hint) is None:
                cells = (
                    f"`{field.encode_name}`",
                    _description(cls, field.name),
                    _values(hint) + _limits(cls, field.name),
                    _default(field),
                )
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _section(path: str, value: Struct) -> Iterator[str]:
    cls = type(value)
    nested: list[tuple[str, Any]] = []
    for field in structs.fields(value):
        item = getattr(value, field.name)
        if _inner(_hint(cls, field.name)) is not None:
            nested.append((field.encode_name, item))
            continue
        yield f"# {_description(cls, field.name)}"
        yield f"# {field.encode_name} is not set" if item is None else f"{field.encode_name} = {_literal(item)}"
    for name, item in nested:
        yield from _nested(f"{path}{name}", item)


def _nested(path: str, item: Any) -> Iterator[str]:
    if isinstance(item, Struct):
        yield from ("", f"# {(type(item).__doc__ or '').splitlines()[0]}", f"[{path}]")
        yield from _section(f"{path}.", item)
    elif isinstance(item, dict):
        for key, part in item.items():
            yield from _nested(f"{path}.{key}", part)
    else:
        for part in item:
            yield from ("", f"# {(type(part).__doc__ or '').splitlines()[0]}", f"[[{path}]]")
            yield from _section(f"{path}.", part)


def _literal(value: Any) -> str:
    if isinstance(value, Enum):
        return json.dumps(str(value.value))
    # JSON's strings, numbers and truth values are TOML's too, but for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _tables(path: str, cls: type[Struct]) -> Iterator[tuple[str, type[Struct]]]:
    for field in structs.fields(cls):
        hint = _hint(cls, field.name)
        inner = _inner(hint)
        if inner is None:
            continue
        name = f"{path}{field.encode_name}"
        match get_origin(hint):
            case builtins.tuple:
                title = f"[[{name}]]"
            case builtins.dict:
                title = f"[{name}.<{get_args(hint)[0].__name__.lower()}>]"
            case _:
                title = f"[{name}]"
        yield f"`{title}`", inner
        yield from _tables(f"{name}.", inner)


@cache
def _hints(cls: type[Struct]) -> dict[str, Any]:
    return typing.get_type_hints(cls, include_extras=True)


def _hint(cls: type[Struct], name: str) -> Any:
    hint = _hints(cls)[name]
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    return hint


def _inner(hint: Any) -> type[Struct] | None:
    """The section that a key holds, alone, in a list or in a table; None for a plain value."""
    for candidate in (hint, *get_args(hint)):
        if isinstance(candidate, type) and issubclass(candidate, Struct):
            return candidate
    return None


def _description(cls: type[Struct], name: str) -> str:
    return next((meta.description for meta in _metas(_hints(cls)[name]) if meta.description), "")


def _metas(hint: Any) -> Iterator[Meta]:
    if get_origin(hint) is Annotated:
        inner, *metas = get_args(hint)
        yield from (meta for meta in reversed(metas) if isinstance(meta, Meta))
        yield from _metas(inner)


def _values(hint: Any) -> str:
    if get_origin(hint) is Annotated:
        return _values(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(_values(part) for part in get_args(hint) if part is not NoneType)
    if get_origin(hint) is builtins.tuple:
        return f"list of {_values(get_args(hint)[0])}"
    if get_origin(hint) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(hint))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return ", ".join(f"`{value.value}`" for value in hint)
    return {str: "text", int: "whole number", float: "number", bool: "`true`, `false`"}[hint]


def _limits(cls: type[Struct], name: str) -> str:
    metas = list(_metas(_hints(cls)[name]))
    low = next((meta.ge for meta in metas if meta.ge is not None), None)
    high = next((meta.le for meta in metas if meta.le is not None), None)
    if low is None and high is None:
        return ""
    return f", {low} to {high}" if high is not None else f", at least {low}"


def _default(field: structs.FieldInfo) -> str:
    if field.default is NODEFAULT:
        return "required"
    return "not set" if field.default is None else f"`{_literal(field.default)}`"
