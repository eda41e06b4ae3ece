"""Who may do what with a thread: the one place that decides. What is not allowed here is refused."""

from __future__ import annotations

import enum
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from threadlog.log import check_id
from threadlog.model import Audience
from threadlog.store.errors import AccessDenied, AttachmentNotFound, ThreadDeleted, ThreadNotFound

if TYPE_CHECKING:
    from threadlog.projection import ThreadState

_log = logging.getLogger("threadlog.store")

MEMBER, AUDITOR, ADMIN = "member", "auditor", "admin"
_AUDITING = frozenset({AUDITOR, ADMIN})
_CREATING = frozenset({MEMBER, ADMIN})


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts: a user of a tenant, or an agent on the user's behalf.

    Attributes:
        tenant: the outermost owner; no call crosses it.
        user: the user within the tenant.
        roles: roles in the tenant. ``member`` may start threads, ``auditor`` may read everything of the tenant, hidden
            items included, ``admin`` may do everything. Without any, a user reaches only what is shared with them.
        agent: name of the agent that acts for the user. It reads what agents are meant to read (hidden context), and
            may write where the user may, but neither shares nor deletes threads.

    Raises:
        InvalidAppend: tenant, user or agent is empty, too long, or holds a control character.
    """

    tenant: str
    user: str
    roles: frozenset[str] = frozenset({MEMBER})
    agent: str | None = None

    def __post_init__(self) -> None:
        check_id("tenant", self.tenant)
        check_id("user", self.user)
        check_id("actor", self.actor)

    @property
    def actor(self) -> str:
        """How events name this principal: ``user:alice`` or ``agent:folder``."""
        return f"user:{self.user}" if self.agent is None else f"agent:{self.agent}"

    @property
    def audience(self) -> Audience:
        """Which visibility rule applies to what this principal reads."""
        if self.agent is not None:
            return Audience.AGENT
        return Audience.AUDITOR if self.audits else Audience.VIEWER

    @property
    def audits(self) -> bool:
        """Whether everything of the tenant may be read."""
        return not _AUDITING.isdisjoint(self.roles)


class Right(enum.IntEnum):
    """What a principal may do with a thread; each includes those below."""

    NONE = 0
    """Not even know that it exists."""
    READ = 1
    WRITE = 2
    MANAGE = 3
    """Share and delete."""


_GRANTED = {"viewer": Right.READ, "editor": Right.WRITE}


def right_to_stream(principal: Principal, state: ThreadState) -> Right:
    """What `principal` may do with a stream, be it a thread or an attachment; deleted or not."""
    if state.owner is None or state.tenant != principal.tenant:
        return Right.NONE
    most = Right.MANAGE if principal.agent is None else Right.WRITE
    if principal.user == state.owner or ADMIN in principal.roles:
        return most
    granted = _GRANTED.get(state.role_of(principal.user) or "", Right.NONE)
    return min(most, max(granted, Right.READ if principal.audits else Right.NONE))


def right_of(principal: Principal, state: ThreadState) -> Right:
    """What `principal` may do with a thread, deleted or not; `Right.NONE` where there is no thread."""
    return right_to_stream(principal, state) if state.exists else Right.NONE


def check_thread(principal: Principal, state: ThreadState, right: Right) -> None:
    """Refuse what `principal` may not do with a live thread.

    Raises:
        ThreadNotFound: there is no thread, or none that the principal may know of.
        ThreadDeleted: it was deleted.
        AccessDenied: the principal may know of the thread, but has less than `right`.
    """
    has = right_of(principal, state)
    if has >= right and not state.deleted:
        return
    _refuse(principal, state, has, right)


def check_attachment(principal: Principal, state: ThreadState, right: Right) -> None:
    """Refuse what `principal` may not do with an attachment, whose stream this is.

    Raises:
        AttachmentNotFound: it is no attachment, or none that the principal may know of.
    """
    if state.exists or right_to_stream(principal, state) < right:
        refuse_attachment(principal, state.thread_id)


def refuse_attachment(principal: Principal, attachment_id: str) -> NoReturn:
    """Leave a trace of a refusal.

    Raises:
        AttachmentNotFound: always.
    """
    _log.warning("refused %s of tenant %s attachment %s", principal.actor, principal.tenant, attachment_id)
    raise AttachmentNotFound(attachment_id)


def check_audit(principal: Principal, state: ThreadState) -> None:
    """Refuse reading the history of a thread: as `check_thread` for reading, save that auditors read deleted ones.

    Raises:
        ThreadNotFound: there is no thread, or none that the principal may know of.
        ThreadDeleted: it was deleted, and the principal is no auditor.
    """
    if not (principal.audits and state.deleted and right_of(principal, state) >= Right.READ):
        check_thread(principal, state, Right.READ)
    note_audit(principal, state)


def check_create(principal: Principal) -> None:
    """Refuse making a thread to those who are no members.

    Raises:
        AccessDenied: the principal has neither the role ``member`` nor ``admin``.
    """
    if _CREATING.isdisjoint(principal.roles):
        _log.warning("refused %s of tenant %s to create a thread", principal.actor, principal.tenant)
        raise AccessDenied("creating threads takes the role member; ask an administrator of your tenant for it.")


def check_tenant_audit(principal: Principal) -> None:
    """Refuse listing everybody's threads to those who are no auditors.

    Raises:
        AccessDenied: the principal has neither the role ``auditor`` nor ``admin``.
    """
    if not principal.audits:
        _log.warning("refused %s of tenant %s to list all threads", principal.actor, principal.tenant)
        raise AccessDenied("listing everybody's threads takes the role auditor; list your own without `everyone`.")
    _log.info("%s of tenant %s lists all threads as auditor", principal.actor, principal.tenant)


def note_audit(principal: Principal, state: ThreadState) -> None:
    """Leave a trace of a read that only the auditor's role allowed."""
    if principal.audits and principal.user != state.owner:
        _log.info("%s of tenant %s reads thread %s as auditor", principal.actor, principal.tenant, state.thread_id)


def _refuse(principal: Principal, state: ThreadState, has: Right, right: Right) -> None:
    _log.warning(
        "refused %s of tenant %s to %s thread %s",
        principal.actor,
        principal.tenant,
        right.name.lower(),
        state.thread_id,
    )
    if has is Right.NONE:
        raise ThreadNotFound(state.thread_id)
    if state.deleted:
        raise ThreadDeleted(state.thread_id)
    raise AccessDenied(f"your rights to thread {state.thread_id!r} do not allow this; ask its owner to share more.")
