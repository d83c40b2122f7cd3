"""Settings as a page shows them: in groups, each value with its unit or in a word."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from retrieval.settings import PREFIX, Settings, parse_bytes

# What an admin of the pages asks about, by group; the rest is for whoever runs the machine.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "kept": (
        *("keep_photos", "thumbnails", "unknown_days", "event_days", "audit_days"),
        *("receipt_days", "upload_days"),
    ),
    "photos": (
        *("max_photo_bytes", "max_pixels", "max_body_bytes", "max_request_photos"),
        *("max_archive_bytes", "max_video_bytes", "max_video_hours", "min_face_px", "detail"),
    ),
    "access": (
        *("session_hours", "public_url", "sso_issuer", "sso_role", "webhook_secret"),
        *("requests_per_minute", "refusals_per_minute", "ingest_folders", "ingest_urls"),
    ),
}
# The unit of a number, by how its setting's name ends.
_UNITS = {
    "_days": "days",
    "_hours": "hours",
    "_s": "seconds",
    "_px": "pixels",
    "_pixels": "pixels",
    "_per_minute": "per minute",
    "_fps": "per second",
    "_agreement": "share",
}
_SIZES = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


@dataclass(frozen=True, slots=True)
class SettingShown:
    """A setting.

    Attributes:
        name: as it is set in the environment.
        about: what it means.
        value: a number, words, or None.
        kind: what the value is: a unit of `_UNITS`, a size ("MB"), "count", "words", "yes", "no",
            "set" of a secret, "unset".
        is_changed: somebody set it.
    """

    name: str
    about: str
    value: float | str | None
    kind: str
    is_changed: bool


def grouped(settings: Settings) -> dict[str, list[SettingShown]]:
    """All settings by group; what is in none stands under "others"."""
    shown = {name: _shown(settings, name) for name in Settings.model_fields}
    found = {group: [shown.pop(name) for name in names] for group, names in GROUPS.items()}
    return {**found, "others": list(shown.values())}


def _shown(settings: Settings, name: str) -> SettingShown:
    value, kind = _worded(name, getattr(settings, name))
    about = Settings.model_fields[name].description or ""
    changed = name in settings.model_fields_set
    return SettingShown(f"{PREFIX}{name.upper()}", about, value, kind, changed)


def _worded(name: str, value: Any) -> tuple[float | str | None, str]:
    """A value and its kind."""
    match value:
        case None | () | "":
            return None, "unset"
        case SecretStr():
            return None, "set" if value.get_secret_value() else "unset"
        case bool():
            return None, "yes" if value else "no"
        case int() | float() if name.endswith("_bytes"):
            return _size(value)
        case int() | float():
            units = (unit for end, unit in _UNITS.items() if name.endswith(end))
            return value, next(units, "count")
        case tuple():
            return ", ".join(_without_password(str(each)) for each in value), "words"
        case str() if name in ("memory_budget", "index_memory"):
            return _size(parse_bytes(value))
        case Path():
            return str(value), "words"
        case str():
            return _without_password(value), "words"
    raise TypeError(f"Nobody has said how a page shows {name}.")


def _without_password(value: str) -> str:
    """A URL without whoever logs in there, and what its query says; other texts as they are."""
    scheme, mark, rest = value.partition("://")
    if not mark:
        return value
    place, asks, _ = rest.rpartition("@")[2].partition("?")
    login = "…@" if "@" in rest else ""
    return f"{scheme}://{login}{place}{'?…' if asks else ''}"


def _size(count: float) -> tuple[float, str]:
    return next(((count / by, unit) for by, unit in _SIZES if count >= by), (count, "bytes"))
