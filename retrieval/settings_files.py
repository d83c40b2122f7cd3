"""Where settings are read from: what is given, the environment, a named file, the home's own file.

Nothing is read from the working directory: whoever leaves a file in a folder of photos would
otherwise say where the catalogue lies.
"""

import json
import logging
import os
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_origin

from dotenv import dotenv_values
from pydantic import ValidationError

from retrieval.errors import SettingInvalid
from retrieval.settings import PREFIX, Settings

logger = logging.getLogger(__name__)

HOME_FILES = ("rollcall.toml", ".env")  # in a home folder; what the first says goes before


def load_settings(config: Path | None = None, **given: Any) -> Settings:
    """Read the settings.

    What is given goes before the environment, that before the file that is named, and that before
    the home's own `rollcall.toml` or `.env`.

    Args:
        config: a file of settings, TOML (`embedder = "auto"`) or lines as in the environment
            (`ROLLCALL_EMBEDDER=auto`).
        given: settings by name; None is not given.

    Raises:
        SettingInvalid: a value has no meaning; a file cannot be read, or has a name that is none.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    named = {} if config is None else _read(config)
    in_environment = _environment(os.environ)
    home = checked_settings(**{**_without(named, in_environment), **chosen}).home
    own: dict[str, Any] = {}
    for path in (home / name for name in reversed(HOME_FILES)):
        if path.is_file():
            own |= _read(path)
    if "home" in own:
        raise SettingInvalid(f"A file in the home folder {home} sets `home`. Take that line out.")
    return checked_settings(**{**_without(own | named, in_environment), **chosen})


def checked_settings(**values: Any) -> Settings:
    """Settings of these values, and of the environment where there is none.

    Raises:
        SettingInvalid: a value has no meaning.
    """
    try:
        return Settings(**values)
    except ValidationError as error:
        problems = "; ".join(
            f"{PREFIX}{'_'.join(map(str, found['loc'])).upper()}: {found['msg']}"
            f" (found {found['input']!r})"
            for found in error.errors()
        )
        raise SettingInvalid(f"A setting has no meaning. {problems}.") from None


def _environment(variables: Mapping[str, str]) -> set[str]:
    """The settings that the environment has; names that are none are told with the nearest one."""
    found = {name.upper() for name in variables if name.upper().startswith(PREFIX)}
    names = {name.removeprefix(PREFIX).lower() for name in found}
    for name in sorted(names - Settings.model_fields.keys()):
        logger.warning("%s in the environment is no setting.%s", _shown(name), _nearest(name))
    return names


def _without(values: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def _read(path: Path) -> dict[str, Any]:
    """The settings of a file, by name; a name may stand as in the environment."""
    if path.exists() and not path.is_file():
        raise SettingInvalid(f"The settings {path} are no file. Check the path.")
    try:
        text = path.read_text(encoding="utf-8")
        found = _tables(text) if path.suffix == ".toml" else _lines(path)
    except OSError as error:
        raise SettingInvalid(f"The settings {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:  # no UTF-8, no TOML, no JSON
        raise SettingInvalid(f"The settings {path} cannot be read: {error}.") from error
    for name in found:
        if name not in Settings.model_fields:
            raise SettingInvalid(f"{path}: {name!r} is no setting.{_nearest(name)}")
    return found


def _tables(text: str) -> dict[str, Any]:
    """What TOML says."""
    return {
        name.upper().removeprefix(PREFIX).lower(): value
        for name, value in tomllib.loads(text).items()
    }


def _lines(path: Path) -> dict[str, Any]:
    """Lines as in the environment; those of other programs are passed over."""
    lines = dotenv_values(path, interpolate=False)
    found = {
        name.upper().removeprefix(PREFIX).lower(): value
        for name, value in lines.items()
        if name.upper().startswith(PREFIX) and value is not None
    }
    return {name: json.loads(value) if _is_list(name) else value for name, value in found.items()}


def _is_list(name: str) -> bool:
    field = Settings.model_fields.get(name)
    return field is not None and get_origin(field.annotation) is tuple


def _nearest(name: str) -> str:
    alike = get_close_matches(name.lower().removeprefix(PREFIX.lower()), Settings.model_fields, n=1)
    return f" Did you mean {_shown(alike[0])}?" if alike else " docs/settings.md lists all."


def _shown(name: str) -> str:
    return f"{PREFIX}{name.upper()}"
