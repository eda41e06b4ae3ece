"""Attachments: each a small stream of its own, under its own id, that no listing shows."""

from __future__ import annotations

from collections.abc import Sequence

from threadlog.log import NewEvent
from threadlog.model import Attachment, AttachmentDeleted, AttachmentSaved
from threadlog.projection import StateCache, ThreadState
from threadlog.store.access import Principal, Right, check_attachment, check_create, refuse_attachment, right_to_stream
from threadlog.store.drafts import Drafts, check_new_thread_id
from threadlog.store.errors import AttachmentNotFound, InvalidItem, InvalidThread
from threadlog.store.sending import Sender


class Attachments:
    """What is known of attachments: their owner reads and changes it, who reads an attachment's thread reads it."""

    def __init__(self, cache: StateCache, drafts: Drafts, sender: Sender) -> None:
        self._cache, self._drafts, self._sender = cache, drafts, sender

    async def save(self, principal: Principal, attachment: Attachment) -> None:
        """See `ThreadStore.save_attachment`."""
        _check_id(attachment.id)
        event = AttachmentSaved(attachment=attachment, owner=principal.user)

        def draft(state: ThreadState) -> Sequence[NewEvent]:
            if state.seq == 0:
                check_create(principal)
            elif state.exists:
                raise InvalidItem(f"{attachment.id!r} is the id of a thread; give the attachment one of its own.")
            else:
                check_attachment(principal, state, Right.WRITE)
            known = state.attachments.get(attachment.id)
            return () if known == attachment else (self._drafts.dump(event),)

        await self._sender.decide(principal, attachment.id, draft)

    async def load(self, principal: Principal, attachment_id: str) -> Attachment:
        """See `ThreadStore.load_attachment`."""
        _check_id(attachment_id)
        state = await self._cache.load(principal.tenant, attachment_id)
        attachment = state.attachments.get(attachment_id)
        if attachment is None:
            raise AttachmentNotFound(attachment_id)
        if right_to_stream(principal, state) < Right.READ and not await self._shared(principal, attachment):
            refuse_attachment(principal, attachment_id)
        return attachment

    async def delete(self, principal: Principal, attachment_id: str) -> None:
        """See `ThreadStore.delete_attachment`."""
        _check_id(attachment_id)
        event = AttachmentDeleted(attachment_id=attachment_id)

        def draft(state: ThreadState) -> Sequence[NewEvent]:
            check_attachment(principal, state, Right.WRITE)
            if attachment_id not in state.attachments:
                raise AttachmentNotFound(attachment_id)
            return (self._drafts.dump(event),)

        await self._sender.decide(principal, attachment_id, draft)

    async def _shared(self, principal: Principal, attachment: Attachment) -> bool:
        """Whether the principal reads the thread of the message that carries the attachment."""
        if attachment.thread_id is None:
            return False
        state = await self._cache.load(principal.tenant, attachment.thread_id)
        return state.exists and not state.deleted and right_to_stream(principal, state) >= Right.READ


def _check_id(attachment_id: str) -> None:
    try:
        check_new_thread_id(attachment_id)
    except InvalidThread:
        raise InvalidItem(
            f"{attachment_id[:40]!r} cannot be the id of an attachment: use 1 to 128 of A-Z a-z 0-9 _ . : ~ @ - and "
            "begin with a letter or digit."
        ) from None
