"""Messages that only make sense after another one: ``and in docs?``, ``what about words?``, ``open the second one``."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from threadlog.agents.folder.patterns import any_of, any_word
from threadlog.agents.folder.request import Request
from threadlog.agents.folder.tools import Selection

_FILE = any_of("file", "one", "document", "script")
_REFERS = re.compile(
    any_word(
        *("it", "its", "it's", "itself", "the same(?: one)?", "them", "they", "those", "these", "their"),
        rf"(?:that|this) {_FILE}",
        r"the (?:same )?(?:file|document)(?! (?:with|that|which|named|called|in|under|whose|has|of)\b)",
        r"each(?: of (?:them|those|these))?",
    ),
    re.IGNORECASE,
)
_PLURAL = re.compile(any_word("them", "they", "those", "these", "their", "each", "all of"), re.IGNORECASE)
_FOLLOWS = re.compile(
    r"^\s*(?:(?:and|also|ok(?:ay)?|now|then|so|but)?[\s,]*(?:what|how)\s+about\b|(?:and|also|now|same)\b(?!\s+thank))",
    re.IGNORECASE,
)
_ELLIPSIS = 5
"""Words of a message that may leave out what was said before."""


def refers(said: str) -> bool:
    """Whether a sentence speaks of what was spoken of before."""
    return _REFERS.search(said) is not None


def is_plural(said: str) -> bool:
    """Whether it speaks of several."""
    return _PLURAL.search(said) is not None


def with_what_was_left_out(said: str, request: Request, last: Request | None, *, first: bool) -> Request:
    """A request, completed from the one before it where it leaves something out.

    Args:
        said: the sentence.
        request: what was understood of it.
        last: what was asked before, in this message or in an earlier one.
        first: whether the sentence is the first of its message.
    """
    if request.pick is not None and request.pick.by == "mentions" and request.term is None:
        return _with_term(request, last)
    if (
        last is not None
        and request.pick is not None
        and request.action in ("pick", "read")
        and (request.among or not first)
    ):
        request = _picking_from(request, last)
    follows = _FOLLOWS.search(said) is not None
    leaves_out = follows or (request.action == "unknown" and (not first or len(said.split()) <= _ELLIPSIS))
    return request if last is None or not leaves_out else _continued(request, last)


def _with_term(request: Request, last: Request | None) -> Request:
    """``and in which file most often?`` speaks of the last term."""
    if last is None or last.term is None:
        return msgspec.structs.replace(request, action="unknown")
    return msgspec.structs.replace(request, term=last.term, named=last.named, concept=last.concept)


def _picking_from(request: Request, last: Request) -> Request:
    """``and which is the longest?`` is asked of what was listed, counted or found before."""
    if request.selection != Selection() or request.paths or request.missing:
        return request
    if last.action in ("list", "count", "measure", "size", "kinds"):
        return msgspec.structs.replace(request, selection=last.selection, described=last.described, among=False)
    return msgspec.structs.replace(request, among=last.action in ("search", "occurrences", "pick"))


def _continued(request: Request, last: Request) -> Request:
    """The last request with what this one says otherwise."""
    changed = _other_files(request)
    for name in ("pick", "part", "term", "units", "ordinal", "named"):
        if value := getattr(request, name):
            changed[name] = value
    if not changed:
        return request
    if request.action in ("unknown", "list", "read", "exists"):
        return msgspec.structs.replace(last, **changed)
    if request.refers or request.paths or request.selection != Selection():
        return request
    return msgspec.structs.replace(request, paths=last.paths, selection=last.selection, described=last.described)


def _other_files(request: Request) -> dict[str, Any]:
    """What a request says of the files, where it says anything."""
    none = {"paths": (), "missing": (), "outside": (), "also": (), "ordinal": None, "pick": None, "refers": False}
    if request.paths or request.missing or request.outside:
        named = {name: getattr(request, name) for name in ("paths", "missing", "outside", "also")}
        return {**none, **named, "selection": request.selection}
    if request.selection != Selection():
        return {"paths": (), "refers": False, "selection": request.selection, "described": request.described}
    if request.refers:
        return {**none, "selection": Selection(), "refers": True, "plural": request.plural}
    return {}
