"""From requests to the text of an answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping

from threadlog.agents.folder import finding_answers, listing_answers, showing_answers, talk
from threadlog.agents.folder.case import Case
from threadlog.agents.folder.guesses import guess
from threadlog.agents.folder.request import Action, Request
from threadlog.agents.folder.root import FolderError
from threadlog.agents.folder.understanding import LONGEST, understand

_REQUESTS = 4
"""Of one message; more are left out."""

Answerer = Callable[[Case, Request], Awaitable[str]]


async def answer(case: Case, text: str) -> str:
    """Answer a message, and remember in the case's focus what it was about."""
    # A path that begins with the folder's own is as good as one from there.
    text = text.replace(case.desk.tools.root.path + "/", "")
    requests = await asyncio.to_thread(understand, text, case.names, case.focus)
    parts = [await _answer(case, request, text) for request in requests[:_REQUESTS]]
    if len(text) > LONGEST:
        parts.append(f"(Your message is long; I looked at its first {LONGEST:,} characters.)")
    return "\n\n".join(parts)


async def _answer(case: Case, request: Request, text: str) -> str:
    try:
        if request.action in _ANSWERERS:
            await case.chooser.refuse_outside(request)
            said = await _ANSWERERS[request.action](case, request)
            case.focus.request = request
            return said
        if request.action == "unknown":
            return await guess(case, text) or talk.unknown(case.listing)
    except FolderError as error:
        words = str(error)
        # A file's name at the beginning stays as it is.
        return words[:1].upper() + words[1:] if re.match(r"[a-z]+ ", words) else words
    return _talk(case, request)


def _talk(case: Case, request: Request) -> str:
    match request.action:
        case "greeting":
            return talk.greeting(case.listing)
        case "thanks":
            return "You are welcome."
        case "bye":
            return "Goodbye!"
        case "empty":
            return talk.empty(case.listing)
        case "refuse":
            return talk.refused(request.reason, case.listing)
        case "foreign":
            return talk.foreign(request.reason, case.listing)
    return talk.help_text(case.listing)


async def _read(case: Case, request: Request) -> str:
    """Show files; which mentions something most is found out first."""
    if request.pick is not None and request.pick.by == "mentions" and request.term is not None:
        targets, _ = await finding_answers.most_mentions(case, request)
        return await showing_answers.read(case, request, targets)
    if request.term is not None:
        targets = await finding_answers.first_with(case, request)
        return await showing_answers.read(case, request, targets)
    return await showing_answers.read(case, request)


_ANSWERERS: Mapping[Action, Answerer] = {
    "list": listing_answers.list_files,
    "tree": listing_answers.tree,
    "kinds": listing_answers.kinds,
    "count": listing_answers.count,
    "measure": listing_answers.measure,
    "size": listing_answers.sizes,
    "modified": listing_answers.modified,
    "occurrences": finding_answers.occurrences,
    "search": finding_answers.search,
    "pick": finding_answers.pick,
    "exists": finding_answers.exists,
    "read": _read,
    "more": showing_answers.more,
    "longest": showing_answers.longest,
    "outline": showing_answers.outline,
    "summary": showing_answers.summary,
    "compare": showing_answers.compare,
}
