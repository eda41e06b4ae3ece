"""From a URL to a log: plugins are found, loaded one by one, and refused with a reason."""

from __future__ import annotations

import importlib
import sys
import textwrap
import traceback
from pathlib import Path

import pytest

from threadlog.log import (
    AmbiguousScheme,
    Append,
    Durability,
    DurabilityTooLow,
    FormatTooNew,
    InvalidPlugin,
    InvalidURL,
    LogClosed,
    LogNotFound,
    LogURL,
    MemoryLog,
    MissingExtra,
    NewEvent,
    OpenOptions,
    PluginError,
    UnknownScheme,
    find_plugin,
    installed_schemes,
    maintenance,
    open_log,
)

pytestmark = pytest.mark.anyio

GOOD = """
    from threadlog.log import MemoryLog, hookimpl

    @hookimpl
    def threadlog_log(url, options):
        return MemoryLog(shards=options.shards or 3)
"""

SECRET_URL = "acme://alice:p%40ss@host/db?sslpassword=geheim"


class Site:
    """A folder on ``sys.path`` into which distributions are installed, as pip would leave them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, distribution: str, entry_points: str, *, requires: str = "", **modules: str) -> None:
        """Install a distribution with its entry points and the source of its modules."""
        info = self.folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        requirements = "".join(f"Requires-Dist: {line}\n" for line in requires.splitlines())
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n{requirements}"
        (info / "METADATA").write_text(metadata)
        (info / "entry_points.txt").write_text(f"[threadlog.storage]\n{entry_points}\n")
        for name, source in modules.items():
            (self.folder / f"{name}.py").write_text(textwrap.dedent(source))
        importlib.invalidate_caches()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An empty folder on the path, forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield Site(tmp_path)
    for name in set(sys.modules) - before:
        del sys.modules[name]


async def test_memory_is_found_by_its_url() -> None:
    """`open_log("memory:")` gives an open log, which is closed at the end of the block."""
    async with open_log("memory:", shards=5) as log:
        assert isinstance(log, MemoryLog)
        assert log.info.shards == 5
        assert (await log.status()).writable
    with pytest.raises(LogClosed):
        await log.status()


async def test_scheme_is_not_case_sensitive() -> None:
    """Schemes of URLs are case-insensitive (RFC 3986)."""
    async with open_log("MEMORY:") as log:
        assert log.info.scheme == "memory"


async def test_a_third_party_is_found_once_it_is_installed(site: Site) -> None:
    """A distribution that nobody here knows serves its scheme from the moment it is installed."""
    with pytest.raises(UnknownScheme):
        find_plugin("acme")
    site.install("acme-log", "acme = acme_log", acme_log=GOOD)
    async with open_log("acme://host/db") as log:
        outcomes = await log.append(
            log.shard_of("t"),
            [Append(tenant="t", thread_id="a", append_id="1", expected=0, events=(NewEvent("x", b"{}"),))],
        )
        assert outcomes[0].events[0].seq == 1  # type: ignore[union-attr]


async def test_an_object_can_be_the_plugin(site: Site) -> None:
    """An entry point may name an object in a module, whose methods are the hooks."""
    source = """
        from threadlog.log import MemoryLog, hookimpl

        class Plugin:
            @hookimpl
            def threadlog_log(self, url):
                return MemoryLog(2)

        plugin = Plugin()
    """
    site.install("acme-log", "acme = acme_log:plugin", acme_log=source)
    async with open_log("acme:x") as log:
        assert log.info.shards == 2


def test_only_the_named_plugin_is_imported(site: Site) -> None:
    """A plugin that would break on import disturbs neither another scheme nor the list of what is installed."""
    site.install("broken-log", "broken = broken_log", broken_log="raise RuntimeError('imported')")
    site.install("acme-log", "acme = acme_log", acme_log=GOOD)
    find_plugin("acme")
    assert "broken" in [plugin.scheme for plugin in installed_schemes()]
    assert "broken_log" not in sys.modules


def test_what_is_installed_is_listed(site: Site) -> None:
    """The list names scheme, distribution, version and entry point, in order of the scheme."""
    site.install("acme-log", "acme = acme_log", acme_log=GOOD)
    listed = installed_schemes()
    assert [plugin.scheme for plugin in listed] == sorted(plugin.scheme for plugin in listed)
    acme = listed[0]
    assert (acme.scheme, acme.distribution, acme.version, acme.entry_point) == ("acme", "acme-log", "1.0", "acme_log")
    assert {"file", "memory"} <= {plugin.scheme for plugin in listed}


def test_unknown_scheme_lists_what_is_installed() -> None:
    """Who mistypes a scheme is told which there are."""
    with pytest.raises(UnknownScheme, match=r"serves flie: URLs; installed are .*file:, .*memory:"):
        find_plugin("flie")


@pytest.mark.parametrize("text", ["", "/var/lib/log", "memory", ":x"])
def test_a_url_needs_a_scheme(text: str) -> None:
    """A path alone is refused with examples of what to write."""
    with pytest.raises(UnknownScheme, match="write file:PATH"):
        LogURL(text)


def test_two_claimants_are_named(site: Site) -> None:
    """Where two distributions claim a scheme neither is loaded, and the error names both."""
    site.install("acme-log", "acme = acme_log", acme_log=GOOD)
    site.install("rival-log", "acme = rival_log", rival_log=GOOD)
    with pytest.raises(AmbiguousScheme, match="acme-log and rival-log both serve acme"):
        find_plugin("acme")
    assert not {"acme_log", "rival_log"} & set(sys.modules)


def test_missing_driver_names_the_extra(site: Site) -> None:
    """The extra is found in the distribution's own metadata, the smallest that brings the driver."""
    site.install(
        "acme-log",
        "acme = acme_log",
        requires='anyio\nno-such-driver>=2; extra == "all"\nother; extra == "all"\nNo.Such_Driver>=2; extra == "db"',
        acme_log="import no_such_driver",
    )
    with pytest.raises(MissingExtra, match=r"pip install 'acme-log\[db\]'") as caught:
        find_plugin("acme")
    assert caught.value.name == "no_such_driver"


def test_missing_driver_without_an_extra(site: Site) -> None:
    """Where no extra brings the module, the error names it and whose documentation to read."""
    site.install("acme-log", "acme = acme_log", acme_log="import no_such_driver")
    with pytest.raises(MissingExtra, match=r"no_such_driver.*see how acme-log installs its driver"):
        find_plugin("acme")


def test_driver_may_be_imported_late(site: Site) -> None:
    """A hook that imports its driver when called gets the same answer."""
    source = """
        from threadlog.log import hookimpl

        @hookimpl
        def threadlog_log(url):
            import no_such_driver
    """
    site.install("acme-log", "acme = acme_log", requires='no-such-driver; extra == "db"', acme_log=source)
    with pytest.raises(MissingExtra, match=r"acme-log\[db\]"):
        find_plugin("acme").make_log(LogURL("acme:x"), OpenOptions())


def test_missing_plugin_module_is_not_a_missing_driver(site: Site) -> None:
    """An entry point without its module is a broken installation."""
    site.install("acme-log", "acme = acme_log.plugin")
    with pytest.raises(InvalidPlugin, match="reinstall"):
        find_plugin("acme")


@pytest.mark.parametrize(
    ("source", "reasons"),
    [
        pytest.param(
            "from threadlog.log import hookimpl\n@hookimpl\ndef threadlog_log(uri, options): ...",
            ["threadlog_log(uri, options)", "threadlog_log(url: LogURL, options: OpenOptions) -> EventLog", "acme-log"],
            id="argument",
        ),
        pytest.param(
            "from threadlog.log import hookimpl\n@hookimpl\ndef threadlog_lgo(url): ...",
            ["threadlog_lgo(url)", "threadlog_log(url: LogURL, options: OpenOptions) -> EventLog"],
            id="name",
        ),
        pytest.param(
            "def threadlog_log(url, options): ...",
            ["has no hook", "@hookimpl def threadlog_log(url: LogURL, options: OpenOptions) -> EventLog"],
            id="unmarked",
        ),
        pytest.param("1/0", ["ZeroDivisionError"], id="import"),
    ],
)
def test_wrong_plugin_is_refused(site: Site, source: str, reasons: list[str]) -> None:
    """A plugin whose hook is wrong is refused when it is loaded, with its signature and ours."""
    site.install("acme-log", "acme = acme_log", acme_log=source)
    with pytest.raises(InvalidPlugin) as caught:
        find_plugin("acme")
    for reason in reasons:
        assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("def threadlog_log(url): return None", "NoneType"),
        ("def threadlog_log(url): return object()", "object"),
        ("async def threadlog_log(url): ...", "coroutine"),
        ("def threadlog_log(url): return 1 / 0", "ZeroDivisionError"),
    ],
)
def test_wrong_log_is_refused(site: Site, body: str, reason: str) -> None:
    """A hook that gives no `EventLog`, or fails, is told so."""
    site.install("acme-log", "acme = acme_log", acme_log=f"from threadlog.log import hookimpl\n@hookimpl\n{body}")
    with pytest.raises(InvalidPlugin, match=reason):
        find_plugin("acme").make_log(LogURL("acme:x"), OpenOptions())


def test_wrong_url_is_refused_by_the_plugin() -> None:
    """What a plugin says about its URL reaches the user as an `InvalidURL`."""
    with pytest.raises(InvalidURL, match="takes no path"):
        find_plugin("memory").make_log(LogURL("memory:/somewhere"), OpenOptions())


@pytest.mark.parametrize("options", [{"read_only": True}, {"create": False}])
async def test_memory_holds_nothing_to_find(options: dict[str, bool]) -> None:
    """Who must find a log, and may not make one, finds none in memory."""
    with pytest.raises(LogNotFound):
        async with open_log("memory:", **options):
            pass


async def test_durability_below_the_required_is_refused() -> None:
    """The application states what it needs, and the log is closed again when it attains less."""
    with pytest.raises(DurabilityTooLow, match="memory: attains MEMORY, and DISK is required"):
        async with open_log("memory:", require=Durability.DISK):
            pytest.fail("the block must not run")
    async with open_log("memory:", require=Durability.MEMORY):
        pass


def test_maintenance_is_optional() -> None:
    """A plugin without maintenance is told apart from a broken one."""
    with pytest.raises(PluginError, match="offers no maintenance"):
        maintenance("memory:")


@pytest.mark.parametrize("kind", ["ValueError", "RuntimeError", "ImportError", "LogError", "LogStopped"])
@pytest.mark.parametrize("chained", [False, True])
def test_secrets_reach_no_error(site: Site, kind: str, chained: bool) -> None:
    """Whatever a driver puts into its error, the URL's password is not in ours, nor in what it is chained to."""
    raising = f"raise {kind}('cannot use ' + url.secret)"
    if chained:
        raising = f"try: raise OSError(url.secret)\n    except OSError as e: raise {kind}('no') from e"
    head = "from threadlog.log import *\nfrom threadlog.log import hookimpl\n@hookimpl\n"
    site.install("acme-log", "acme = acme_log", acme_log=f"{head}def threadlog_log(url):\n    {raising}\n")
    url = LogURL(SECRET_URL)
    with pytest.raises(PluginError) as caught:
        find_plugin("acme").make_log(url, OpenOptions())
    told = "".join(traceback.format_exception(caught.value))
    error: BaseException | None = caught.value
    while error is not None:
        told += f"{error!r} {error}"
        error = error.__cause__ or error.__context__
    assert not [secret for secret in ("p%40ss", "p@ss", "geheim") if secret in told]


def test_cause_is_kept_where_it_tells_no_secret(site: Site) -> None:
    """A developer still sees where a plugin failed."""
    body = "def threadlog_log(url): raise ValueError('bad option')"
    site.install("acme-log", "acme = acme_log", acme_log=f"from threadlog.log import hookimpl\n@hookimpl\n{body}")
    with pytest.raises(InvalidURL, match="bad option") as caught:
        find_plugin("acme").make_log(LogURL("acme://alice:secret@host"), OpenOptions())
    assert isinstance(caught.value.__cause__, ValueError)


def test_errors_of_ours_pass_unchanged(site: Site) -> None:
    """A plugin may raise the package's own errors from its hook."""
    body = "def threadlog_log(url): raise FormatTooNew('upgrade')"
    source = f"from threadlog.log import FormatTooNew, hookimpl\n@hookimpl\n{body}"
    site.install("acme-log", "acme = acme_log", acme_log=source)
    with pytest.raises(FormatTooNew, match="upgrade") as caught:
        find_plugin("acme").make_log(LogURL("acme:x"), OpenOptions())
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("file:/var/lib/a@b", "file:/var/lib/a@b"),
        ("file:relative", "file:relative"),
        ("postgresql://host/db", "postgresql://host/db"),
        ("postgresql://host:5432/db?sslmode=require", "postgresql://host:5432/db"),
        ("postgresql://u:geheim@host:5432/db", "postgresql://host:5432/db"),
        ("postgresql://u:gehe%2Fim@[::1]:5432/db", "postgresql://[::1]:5432/db"),
        ("postgresql://[::1]/db", "postgresql://[::1]/db"),
        ("postgresql://u:geh@eim@host/db", "postgresql://host/db"),
        ("postgresql://u:geh/eim@host/db", "postgresql://host/db"),
        ("postgresql://u:geh#eim@host/db", "postgresql://host/db"),
        ("postgresql://u:geh?eim@host/db", "postgresql://"),
        ("postgresql://u:geheim", "postgresql://"),
        ("mongodb://u:geheim@a:1,b:2/db?authSource=admin&tlsCertificateKeyFilePassword=geheim", "mongodb://a:1,b:2/db"),
    ],
)
def test_url_hides_credentials(text: str, shown: str) -> None:
    """What may be shown of a URL holds no credentials and no query, even where they were not encoded properly."""
    url = LogURL(text)
    assert str(url) == shown
    assert shown in repr(url)
    assert url.secret == text
    assert "geh" not in str(url)
    assert "eim" not in f"{url!r}"
