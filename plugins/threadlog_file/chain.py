"""The chain: each frame names the check of the one before it, each segment and each mark that of the last one.

So what follows vouches for what stands before it. A frame or segment that is whole, and is not the one from which the
next one went on, has been edited or exchanged: nothing else in it would tell.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType

from threadlog_file.damage import Damage
from threadlog_file.scanning import Frame, Source, walk

NOT_SEALED: Mapping[int, int] = MappingProxyType({})
"""Nothing is known of the frames but what they say of each other."""

EXCHANGED = "not those from which the log went on"


def survey(
    source: Source,
    name: str,
    *,
    shard: int,
    offset: int,
    position: int,
    last: int,
    sealed: Mapping[int, int] = NOT_SEALED,
    ends: int | None = None,
) -> Iterator[Frame | Damage]:
    """All there is in a segment (see `walk`), frames that have been exchanged being damage too.

    Args:
        sealed: the stamp of each frame by its first position, where it is known from when the segment was sealed; a
            frame with another one has been changed or exchanged since.
        ends: what is said of the last frame by what follows it, where that is known.
    """
    items = walk(source, name, shard=shard, offset=offset, position=position, last=last)
    if sealed:
        yield from _as_sealed(items, name, sealed)
        return
    wrong: set[int] | None = None
    held: Frame | Damage | None = None
    for item in chain[Frame | Damage | None](items, (None,)):
        if held is not None:
            if wrong is None and isinstance(held, Frame) and _is_vouched(held, item, ends) is False:
                rest = walk(source, name, shard=shard, offset=held.offset, position=held.header.first - 1, last=last)
                wrong = _exchanged_frames(rest, ends)
            yield _judged(held, name, wrong or ())
        held = item


def exchanged(vouched: Sequence[bool | None]) -> set[int]:
    """Which of some links of a chain are not the true ones.

    What stands at the end is believed, and so is what it vouches for. Where it does not, either that one link has been
    exchanged or, if there is another break before it, all from there on: they were taken together from elsewhere.

    Args:
        vouched: of each link whether the next one says what it is; None where that is not known.
    """
    wrong: set[int] = set()
    at = len(vouched) - 1
    while at >= 0:
        if vouched[at] is not False:
            at -= 1
            continue
        start = at
        while start and vouched[start - 1]:
            start -= 1
        if start and vouched[start - 1] is False:
            wrong.update(range(start, at + 1))
            at = start - 2
        else:
            wrong.add(at)
            at -= 1
    return wrong


def _as_sealed(items: Iterable[Frame | Damage], name: str, sealed: Mapping[int, int]) -> Iterator[Frame | Damage]:
    for item in items:
        if isinstance(item, Frame) and sealed.get(item.header.first) != item.header.stamp:
            yield item.damage(name, EXCHANGED)
        else:
            yield item


def _is_vouched(item: Frame | Damage, following: Frame | Damage | None, ends: int | None) -> bool | None:
    """Whether a frame is the one from which what follows went on; None where nothing tells."""
    if isinstance(item, Damage) or isinstance(following, Damage):
        return None
    if following is None:
        return None if ends is None else item.header.tie == ends
    return following.header.before == item.header.tie


def _exchanged_frames(items: Iterable[Frame | Damage], ends: int | None) -> set[int]:
    """First positions of the frames that have been exchanged."""
    firsts: list[int] = []
    vouched: list[bool | None] = []
    held: Frame | Damage | None = None
    for item in chain[Frame | Damage | None](items, (None,)):
        if held is not None:
            firsts.append(held.header.first if isinstance(held, Frame) else 0)
            vouched.append(_is_vouched(held, item, ends))
        held = item
    return {firsts[at] for at in exchanged(vouched)}


def _judged(item: Frame | Damage, name: str, wrong: Collection[int]) -> Frame | Damage:
    """An item or, if it is one of the frames that begin at these positions, that it has been exchanged."""
    return item.damage(name, EXCHANGED) if isinstance(item, Frame) and item.header.first in wrong else item
