"""What a file: URL may say, and where the log waits for the disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from threadlog.log import LogURL, OpenOptions, find_plugin
from threadlog_file.options import FileOptions, options_of, path_of
from threadlog_file.syncing import INLINE_BELOW, SyncPolicy


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:/var/log/x", "/var/log/x"),
        ("file:///var/a%20b", "/var/a b"),
        ("file://localhost/var/x", "/var/x"),
        ("file:./here", f"{os.getcwd()}/here"),
        ("file:~/x", str(Path("~/x").expanduser())),
        ("file:/var/100%25?sync=inline", "/var/100%25"),
    ],
)
def test_paths(url: str, path: str) -> None:
    """A plain path is taken as it is written; one after // is decoded."""
    assert path_of(LogURL(url)) == path


@pytest.mark.parametrize("url", ["file:", "file://elsewhere/var/x"])
def test_urls_without_a_folder_here_are_refused(url: str) -> None:
    """No path, or another host, is an error that names what to write."""
    with pytest.raises(ValueError, match="write file:PATH"):
        path_of(LogURL(url))


def test_options() -> None:
    """Every option can be given in the query."""
    given = {"sync": "thread", "segment_bytes": "8192", "reserve_bytes": "0", "prefill_bytes": "1"}
    assert options_of(given) == FileOptions(sync="thread", segment_bytes=8192, reserve_bytes=0, prefill_bytes=1)
    assert options_of({}) == FileOptions()


@pytest.mark.parametrize(
    ("name", "value"),
    [("sync", "never"), ("segment_bytes", "1"), ("segment_bytes", "many"), ("reserve_bytes", "-1"), ("fsync", "off")],
)
def test_wrong_options_are_refused_by_name(name: str, value: str) -> None:
    """An unknown option or a wrong value names itself."""
    with pytest.raises(ValueError, match=name):
        options_of({name: value})


@pytest.mark.parametrize("shards", [0, 257])
def test_numbers_of_shards(shards: int) -> None:
    """A file log has 1 to 256 shards."""
    with pytest.raises(ValueError, match="1 to 256"):
        find_plugin("file").make_log(LogURL("file:/tmp/x"), OpenOptions(shards=shards))


def test_the_policy_follows_the_disk() -> None:
    """A disk that becomes slow is waited for in a thread, and on the loop again once it is fast."""
    policy = SyncPolicy("auto", 0.0001)
    assert policy.inline
    for _ in range(20):
        policy.note(10 * INLINE_BELOW)
    assert not policy.inline
    for _ in range(200):
        policy.note(INLINE_BELOW / 10)
    assert policy.inline


def test_the_policy_can_be_set() -> None:
    """What the URL says is done whatever the disk is like."""
    assert SyncPolicy("inline", 1.0).inline
    assert not SyncPolicy("thread", 0.0).inline
