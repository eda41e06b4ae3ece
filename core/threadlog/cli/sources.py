"""Where settings come from, so that a wrong one can be named with its place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from threadlog.log import LogURL
from threadlog.model.errors import ThreadlogError

Key = tuple[str, ...]
"""A setting's key, part by part."""


class SettingsError(ThreadlogError, ValueError):
    """Settings that cannot be used; the message names each wrong key or value, its place and a remedy."""


class Sources:
    """A settings file and overrides, merged, remembering which of them gave each key."""

    def __init__(self) -> None:
        self._merged = OmegaConf.create({})
        self._options: dict[Key, str] = {}
        self._places: dict[Key, str] = {}

    @classmethod
    def read(cls, file: Path | None, overrides: Sequence[str], options: Mapping[str, str]) -> Sources:
        """Read `file`, then `overrides`, then `options` (texts by ``section.key``), later ones winning.

        Raises:
            SettingsError: the file is missing or not a YAML mapping, or an override is not ``key=value``.
        """
        sources = cls()
        if file is not None:
            sources._add_file(file)
        for override in overrides:
            sources._add_override(override)
        for name, value in options.items():
            sources._add_option(name, value)
        return sources

    def values(self) -> dict[str, Any]:
        """All values as plain data, interpolations resolved.

        Raises:
            SettingsError: an interpolation cannot be resolved.
        """
        try:
            values = OmegaConf.to_container(self._merged, resolve=True, throw_on_missing=True)
        except OmegaConfBaseException as error:
            key = tuple(_split(error.full_key or ""))
            raise SettingsError(f"setting {'.'.join(key)}{self._at(key)} cannot be resolved: {_why(error)}") from None
        assert isinstance(values, dict)
        plain = {str(key): value for key, value in values.items()}
        for (section, name), value in self._options.items():
            inner = plain.get(section)
            plain[section] = {**inner, name: value} if isinstance(inner, dict) else {name: value}
        return plain

    def explain(self, error: ValidationError, model: type[BaseModel]) -> SettingsError:
        """Say in words what pydantic found: one sentence for each wrong key or value."""
        return SettingsError("\n".join(self._sentence(detail, model) for detail in error.errors()))

    def _sentence(self, detail: ErrorDetails, model: type[BaseModel]) -> str:
        key = tuple(str(part) for part in detail["loc"])
        name, place = ".".join(key), self._at(key)
        if detail["type"] == "extra_forbidden":
            return f"unknown setting {name}{place}: {_suggestion(key, model)}"
        if detail["type"] == "model_type" or _is_secret(key, model):
            return f"setting {name}{place} is wrong: {_as_sentence(detail)}"
        return f"setting {name} is {_shortened(detail['input'])}{place}, which is wrong: {_as_sentence(detail)}"

    def _at(self, key: Key) -> str:
        below = [place for known, place in self._places.items() if known[: len(key)] == key]
        while key and key not in self._places:
            key = key[:-1]
        places = [self._places[key]] if key else below
        return f" ({places[0]})" if places else ""

    def _add_file(self, file: Path) -> None:
        try:
            text = file.read_text(encoding="utf-8")
            config = OmegaConf.create(text)
            tree = yaml.compose(text, Loader=yaml.SafeLoader)
        except FileNotFoundError:
            raise SettingsError(f"there is no settings file {file}: check --settings and THREADLOG_SETTINGS.") from None
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"the settings file {file} cannot be read: {error}.") from None
        except (yaml.YAMLError, OmegaConfBaseException) as error:
            raise SettingsError(
                f"{_yaml_place(file, error)} is not YAML that can be used: {_yaml_why(error)}."
            ) from None
        if tree is None:
            return
        if not isinstance(tree, yaml.MappingNode) or not isinstance(config, DictConfig):
            raise SettingsError(f"{file}:1 is no mapping of settings: write sections such as 'server:' with keys.")
        self._places.update({key: f"{file}:{line}" for key, line in _lines(tree, ())})
        self._merge(config)

    def _add_override(self, override: str) -> None:
        name, equals, _ = override.partition("=")
        key = tuple(name.split("."))
        if not equals or not all(re.fullmatch(r"\w+", part) for part in key):
            raise SettingsError(f"{name!r} is no override: write key=value, such as server.port=8001.")
        try:
            config = OmegaConf.from_dotlist([override])
        except (yaml.YAMLError, OmegaConfBaseException) as error:
            raise SettingsError(f"the value of the override {name}= is no YAML: {_yaml_why(error)}.") from None
        self._place(key, f"override {name}=…")
        self._merge(config)

    def _add_option(self, name: str, value: str) -> None:
        """Options are plain text: neither YAML nor interpolation."""
        key = tuple(name.split("."))
        self._place(key, "command line")
        self._options[key] = value

    def _place(self, key: Key, place: str) -> None:
        self._places = {known: before for known, before in self._places.items() if known[: len(key)] != key}
        self._places[key] = place

    def _merge(self, config: DictConfig) -> None:
        try:
            merged = OmegaConf.merge(self._merged, config)
        except OmegaConfBaseException as error:
            raise SettingsError(f"settings do not fit together: {_why(error)}") from None
        assert isinstance(merged, DictConfig)
        self._merged = merged


def _lines(node: yaml.MappingNode, prefix: Key) -> Iterator[tuple[Key, int]]:
    for name, value in node.value:
        key = (*prefix, str(name.value))
        yield key, name.start_mark.line + 1
        if isinstance(value, yaml.MappingNode):
            yield from _lines(value, key)


def _suggestion(key: Key, model: type[BaseModel]) -> str:
    keys = {".".join(known) for known in setting_keys(model)}
    same_section = [known for known in keys if known.split(".")[:-1] == list(key[:-1])]
    last = {known.rpartition(".")[2]: known for known in keys}
    near = difflib.get_close_matches(key[-1], [known.rpartition(".")[2] for known in same_section], 1)
    if near:
        return f"did you mean {'.'.join((*key[:-1], near[0]))}?"
    elsewhere = difflib.get_close_matches(".".join(key), keys, 1) or [
        last[name] for name in difflib.get_close_matches(key[-1], last, 1)
    ]
    if elsewhere:
        return f"did you mean {elsewhere[0]}?"
    section = section_at(key[:-1], model)
    return f"here may stand {', '.join(sorted(section.model_fields))}." if section else "remove it."


def setting_keys(model: type[BaseModel], prefix: Key = ()) -> Iterator[Key]:
    """All keys of `model` and its sections: sections first, then what is in them."""
    for name, field in model.model_fields.items():
        yield (*prefix, name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from setting_keys(field.annotation, (*prefix, name))


def section_at(key: Key, model: type[BaseModel]) -> type[BaseModel] | None:
    """The section at `key`, or None where a value or nothing stands."""
    for part in key:
        field = model.model_fields.get(part)
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return None
        model = field.annotation
    return model


def _is_secret(key: Key, model: type[BaseModel]) -> bool:
    section = section_at(key[:-1], model)
    field = section.model_fields.get(key[-1]) if section else None
    return field is not None and any(secret.__name__ in str(field.annotation) for secret in (SecretStr, LogURL))


def _as_sentence(detail: ErrorDetails) -> str:
    if detail["type"] == "model_type":
        return "it is a section, with keys of its own."
    message = detail["msg"].removeprefix("Value error, ").rstrip(".")
    if message.startswith("Input"):
        return f"it{message.removeprefix('Input')}."
    return f"{message[:1].lower()}{message[1:]}."


def _shortened(value: object) -> str:
    if isinstance(value, Mapping):
        return "a section"
    text = "empty" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _split(key: str) -> list[str]:
    return [part for part in re.split(r"[.\[\]]", key) if part]


def _why(error: OmegaConfBaseException) -> str:
    if isinstance(error, MissingMandatoryValue):
        return "it is left open as ???; give it a value."
    text = str(error.msg or error).splitlines()[0]
    variable = re.search(r"Environment variable '(.+)' not found", text)
    if variable:
        name = variable[1]
        return f"the environment variable {name} is not set; set it or give a default as ${{oc.env:{name},default}}."
    return f"{text}."


def _yaml_place(file: Path, error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"{file}:{mark.line + 1}" if mark else str(file)


def _yaml_why(error: Exception) -> str:
    return str(getattr(error, "problem", None) or error).splitlines()[0].rstrip(".")
