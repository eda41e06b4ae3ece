"""Settings: their sources, their order, and errors that name key and place."""

from __future__ import annotations

from pathlib import Path

import pytest

from threadlog.cli.settings import Settings, load_settings
from threadlog.cli.sources import SettingsError, section_at, setting_keys
from threadlog.log import Durability

REFERENCE = Path(__file__).parent.parent.parent / "docs" / "reference" / "settings.md"


@pytest.fixture(autouse=True)
def _no_settings_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THREADLOG_SETTINGS", raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a settings file may be written."""
    return tmp_path / "threadlog.yaml"


def refused(file: Path | None, *overrides: str) -> str:
    """The words with which settings are refused."""
    with pytest.raises(SettingsError) as caught:
        load_settings(file, overrides)
    return str(caught.value)


def test_defaults_are_usable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without any settings the log is a file in the user's data folder and the server stays on loopback."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    settings = load_settings()
    assert settings.log.url.secret == f"file:{tmp_path}/threadlog/log"
    assert settings.server.host == "127.0.0.1"


def test_later_sources_win(file: Path) -> None:
    """An override wins over the file, an option of the command line over both, and the rest stays."""
    file.write_text("server: {port: 1, host: localhost}\nlog: {url: 'memory:'}")
    settings = load_settings(file, ["server.port=2", "log.url=file:a"], {"log.url": "file:b"})
    assert (settings.server.port, settings.server.host) == (2, "localhost")
    assert settings.log.url.secret == "file:b"


def test_options_are_taken_literally(file: Path) -> None:
    """What an option gives is text, whatever it looks like, and takes the place of a section that was no section."""
    file.write_text("log: 5")
    for text in ("file:${oc.env:HOME}", "file:a: b", "file:[x"):
        assert load_settings(file, [], {"log.url": text}).log.url.secret == text


def test_environment_names_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREADLOG_SETTINGS names the file where no option does."""
    file.write_text("server: {port: 77}")
    monkeypatch.setenv("THREADLOG_SETTINGS", str(file))
    assert load_settings().server.port == 77


def test_values_come_from_the_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value may name a variable with a default, and another setting."""
    monkeypatch.setenv("KEY", "sk-1")
    file.write_text(
        "agent: {openai: {api_key: '${oc.env:KEY}', model: '${oc.env:UNSET_MODEL,small}'}}\n"
        "telemetry: {service_name: '${agent.openai.model}'}"
    )
    settings = load_settings(file)
    assert settings.agent.openai.api_key is not None
    assert settings.agent.openai.api_key.get_secret_value() == "sk-1"
    assert settings.telemetry.service_name == "small"


@pytest.mark.parametrize("text", ["", "# nothing\n", "server:\n"], ids=["empty", "comment", "empty section"])
def test_empty_files_and_sections_are_fine_or_named(file: Path, text: str) -> None:
    """An empty file changes nothing; a section without keys changes nothing either."""
    file.write_text(text)
    assert load_settings(file).server.port == 8000


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("server:\n  prot: 1\n", ["server.prot", ":2", "server.port"]),
        ("\nport: 1\n", ["unknown setting port", ":2", "server.port"]),
        ("server:\n  port: abc\n", ["server.port", "'abc'", ":2", "integer"]),
        ("server:\n  limits:\n    page: 0\n", ["server.limits.page", ":3", "greater than or equal to 1"]),
        ("server: 5\n", ["setting server", ":1", "section"]),
        ("server: {port: 1, port: 2}\n", [":1", "duplicate"]),
        ("server:\n  port: '${oc.env:NO_SUCH_PORT}'\n", ["server.port", ":2", "NO_SUCH_PORT"]),
        ("a: b: c\n", [":1", "YAML"]),
        ("- a\n", [":1", "section"]),
        ("log:\n  url: nonsense\n", ["log.url", ":2", "scheme"]),
        ("log: {require: dik}\n", ["log.require", "'dik'", "'disk'"]),
        ("agent: {path: nothing}\n", ["agent.path", "module:function"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_file_names_key_place_and_remedy(file: Path, text: str, words: list[str]) -> None:
    """Whatever is wrong in a file is named with its key, its line and a remedy."""
    file.write_text(text)
    message = refused(file)
    assert str(file) in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("server.prot=1", ["server.prot", "override", "server.port"]),
        ("principle.user=x", ["principle", "override", "principal"]),
        ("server.port=abc", ["server.port", "'abc'", "override"]),
        ("server.port", ["'server.port'", "key=value"]),
        ("=1", ["key=value"]),
        ("log.url=[a", ["log.url=", "YAML"]),
        ("zzz.zzz=1", ["zzz", "agent, log"]),
    ],
)
def test_wrong_override_names_itself(override: str, words: list[str]) -> None:
    """Whatever is wrong in an override is named with its text and a remedy."""
    message = refused(None, override)
    for word in words:
        assert word in message


def test_every_fault_is_told_at_once(file: Path) -> None:
    """Several wrong settings are told together, one sentence each."""
    file.write_text("server: {prot: 1}\nagnet: {}\n")
    assert len(refused(file, "server.port=x").splitlines()) == 3


def test_missing_file_is_told(tmp_path: Path) -> None:
    """A settings file that is not there is named, with where its name comes from."""
    assert "THREADLOG_SETTINGS" in refused(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    "override",
    [
        "agent.openai.api_key=[sk-secret]",
        "agent.openai.api_kee=sk-secret",
        "log.url=sk-secret",
        "log.ulr=sk-secret",
        "agent.openai=sk-secret",
    ],
)
def test_secrets_reach_no_error(override: str) -> None:
    """What is or may be a secret is not quoted when it is wrong."""
    assert "sk-secret" not in refused(None, override)


def test_secrets_reach_no_repr() -> None:
    """Printing settings shows neither keys nor passwords."""
    settings = load_settings(None, ["agent.openai.api_key=sk-secret", "log.url=postgresql://u:sk-secret@h/d"])
    assert "sk-secret" not in f"{settings!r} {settings}"


def test_required_durability_is_a_level() -> None:
    """What an append must survive is known to the log as a level."""
    assert load_settings(None, ["log.require=disk"]).log.durability is Durability.DISK


def test_the_reference_lists_every_setting() -> None:
    """Each setting has its line in the reference with its meaning, and the reference names no other."""
    lines = {line.split("`")[1]: line for line in REFERENCE.read_text().splitlines() if line.startswith("| `")}
    keys = {".".join(key): key for key in setting_keys(Settings)}
    sections = {key.rpartition(".")[0] for key in keys}
    assert lines.keys() == keys.keys() - sections
    for name, line in lines.items():
        section = section_at(keys[name][:-1], Settings)
        assert section is not None
        description = section.model_fields[keys[name][-1]].description
        assert description is not None
        assert description.replace("``", "`") in line
