"""Reads what the outbox holds as JSON, also where a later release of the box has written it.

After an update that went back, the release before opens the later one's outbox; docs/UPDATE.md says what a later one
may therefore change. What crosses the wire is still decoded strictly.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from edge import wire
from edge.wire import WireError


def stored(data: bytes, kind: Any) -> Any:
    """One stored value of type `kind`, unknown fields passed over; raises `WireError` for anything else amiss."""
    try:
        return wire.decode(data, kind)
    except WireError:
        try:
            return msgspec.convert(_known(msgspec.json.decode(data), _info(kind)), kind)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise WireError(f"stored {getattr(kind, '__name__', 'value')} can't be read: {error}") from error


@cache
def _info(kind: Any) -> inspect.Type:
    return inspect.type_info(kind)


def _known(tree: Any, info: inspect.Type) -> Any:
    match info:
        case inspect.StructType(fields=fields) if isinstance(tree, dict):
            return {
                field.encode_name: _known(tree[field.encode_name], field.type)
                for field in fields
                if field.encode_name in tree
            }
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item) if isinstance(tree, list):
            return [_known(part, item) for part in tree]
        case inspect.UnionType(types=types):
            structs = [part for part in types if isinstance(part, inspect.StructType)]
            return _known(tree, structs[0]) if len(structs) == 1 else tree
        case _:
            return tree
