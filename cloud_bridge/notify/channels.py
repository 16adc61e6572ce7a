"""Carries messages to chats and pagers by apprise. Only services of the configuration's list may be used."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cloud_bridge.notify.carrier import Parcel, Refused
from cloud_bridge.notify.outbox import NotifyError

if TYPE_CHECKING:
    import apprise

_TIMEOUT_S = 20.0
_TEXT_CHARS = 4000


class Channels:
    """`services` are the schemas of apprise (tgram, slack …) that may be used."""

    def __init__(self, services: Collection[str]) -> None:
        self._services = frozenset(services)

    def carry(self, parcel: Parcel, now_ns: int) -> str:  # noqa: ARG002 - chats date by themselves
        """See `Carrier`."""
        try:
            target = self._target(parcel.address)
        except NotifyError as error:
            raise Refused(str(error), final=True) from error
        said: list[str] = []
        sender = _library().Apprise(asset=_asset())
        sender.add(target)
        try:
            result = sender.notify(
                body=parcel.text[:_TEXT_CHARS],
                title=parcel.subject,
                body_format=_library().NotifyFormat.TEXT,
                timeout=_TIMEOUT_S,
                log_callback=lambda entry, _service: said.append(str(entry.message)),
                log_level="WARNING",
            )
        except Exception as error:
            # One of a hundred plug-ins of others; what it says goes into the delivery log.
            raise Refused(f"{target.service_name}: {type(error).__name__}") from error
        if not result:
            # Without its address, which is the secret.
            reason = "; ".join(said) or "the service did not take it"
            raise Refused(f"{target.service_name}: {reason}"[:500].replace(parcel.address, "…"))
        return f"taken by {target.service_name}"

    def check(self, url: str) -> str:
        """The service's name for a channel's address; raises `NotifyError`."""
        return str(self._target(url).service_name)

    def _target(self, url: str) -> apprise.NotifyBase:
        schema = url.partition("://")[0].lower()
        if schema not in self._services:
            allowed = ", ".join(sorted(self._services))
            raise NotifyError(f"service {schema[:30]!r} may not be used; allowed are {allowed} (notify.services)")
        target: apprise.NotifyBase | None = _library().Apprise.instantiate(
            url, asset=_asset(), suppress_exceptions=True
        )
        if target is None:
            raise NotifyError(f"this is no address of apprise's service {schema!r}; see its documentation")
        return target


def masked(url: str) -> str:
    """A channel's address without its secrets; the bare service where apprise does not know it."""
    target = _library().Apprise.instantiate(url, asset=_asset(), suppress_exceptions=True)
    if target is None:
        return f"{url.partition('://')[0]}://…"
    shown: str = target.url(privacy=True)
    return shown.partition("?")[0]


@cache
def _library() -> Any:
    # Loading it takes longer than all the rest of the bridge, and many a bridge has no channel.
    return import_module("apprise")


def _asset() -> apprise.AppriseAsset:
    """Nothing on disk, no templates, no way to elsewhere."""
    asset: apprise.AppriseAsset = _library().AppriseAsset(
        storage_mode=_library().PersistentStoreMode.MEMORY, allow_templates=False, service_timeout=_TIMEOUT_S
    )
    asset.app_id = asset.app_desc = "Earshot"
    asset.http_redirects = False
    asset.async_mode = False
    return asset
