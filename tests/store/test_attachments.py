"""Attachments: for their owners, and for those who read the thread."""

from __future__ import annotations

import logging

import pytest

from threadlog.model import AccessGranted, FileAttachment, ImageAttachment
from threadlog.store import (
    AccessDenied,
    AttachmentNotFound,
    InvalidItem,
    Principal,
    ThreadExists,
    ThreadNotFound,
    ThreadStore,
)

pytestmark = pytest.mark.anyio
FILE = FileAttachment(id="atc_1", name="a.txt", mime_type="text/plain", metadata={"size": 3})


async def test_an_attachment_is_given_back_as_it_was_saved(store: ThreadStore, alice: Principal) -> None:
    """Saved again it is the new one; no listing shows it."""
    await store.save_attachment(alice, FILE)
    assert await store.load_attachment(alice, "atc_1") == FILE
    image = ImageAttachment(id="atc_1", name="b", mime_type="image/png", preview_url="https://x.y/z")
    await store.save_attachment(alice, image)
    await store.save_attachment(alice, image)
    assert await store.load_attachment(alice, "atc_1") == image
    assert (await store.load_threads(alice)).data == []
    assert len((await store.log.read_thread("acme", "atc_1")).events) == 2


async def test_a_deleted_attachment_is_gone_until_it_is_saved_again(store: ThreadStore, alice: Principal) -> None:
    """Its owner may."""
    await store.save_attachment(alice, FILE)
    await store.delete_attachment(alice, "atc_1")
    for call in (store.load_attachment(alice, "atc_1"), store.delete_attachment(alice, "atc_1")):
        with pytest.raises(AttachmentNotFound, match="'atc_1'"):
            await call
    await store.save_attachment(alice, FILE)
    assert await store.load_attachment(alice, "atc_1") == FILE


async def test_an_attachment_is_its_owner_s(
    store: ThreadStore,
    alice: Principal,
    bob: Principal,
    agent: Principal,
    auditor: Principal,
    admin: Principal,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also one that an agent saved for them. Strangers find nothing, and leave a trace; auditors read."""
    await store.save_attachment(agent, FILE)
    for reader in (alice, agent, auditor, admin):
        assert await store.load_attachment(reader, "atc_1") == FILE
    with caplog.at_level(logging.WARNING, logger="threadlog.store"):
        for stranger in (bob, Principal("other", "alice")):
            with pytest.raises(AttachmentNotFound):
                await store.load_attachment(stranger, "atc_1")
            with pytest.raises(AttachmentNotFound):
                await store.delete_attachment(stranger, "atc_1")
        with pytest.raises(AttachmentNotFound):
            await store.save_attachment(bob, FILE)
        with pytest.raises(AttachmentNotFound):
            await store.delete_attachment(auditor, "atc_1")
    assert "refused user:bob of tenant acme attachment atc_1" in caplog.messages
    await store.save_attachment(Principal("other", "alice"), FILE)
    await store.delete_attachment(admin, "atc_1")


async def test_who_reads_the_thread_reads_its_attachments(store: ThreadStore, alice: Principal, bob: Principal) -> None:
    """For as long as the thread is there and shared."""
    thread = (await store.create_thread(alice)).id
    await store.save_attachment(alice, FILE.model_copy(update={"thread_id": thread}))
    with pytest.raises(AttachmentNotFound):
        await store.load_attachment(bob, "atc_1")
    await store.append(alice, thread, [AccessGranted(user="bob", role="viewer")], expected=1)
    assert (await store.load_attachment(bob, "atc_1")).name == "a.txt"
    with pytest.raises(AttachmentNotFound):
        await store.delete_attachment(bob, "atc_1")
    await store.delete_thread(alice, thread)
    with pytest.raises(AttachmentNotFound):
        await store.load_attachment(bob, "atc_1")


async def test_threads_and_attachments_do_not_mix(store: ThreadStore, alice: Principal) -> None:
    """An id is one or the other."""
    thread = (await store.create_thread(alice)).id
    await store.save_attachment(alice, FILE)
    with pytest.raises(InvalidItem, match="is the id of a thread"):
        await store.save_attachment(alice, FILE.model_copy(update={"id": thread}))
    with pytest.raises(AttachmentNotFound):
        await store.delete_attachment(alice, thread)
    with pytest.raises(AttachmentNotFound):
        await store.load_attachment(alice, thread)
    for call in (store.load_thread(alice, "atc_1"), store.read_events(alice, "atc_1"), store.state(alice, "atc_1")):
        with pytest.raises(ThreadNotFound):
            await call
    with pytest.raises(ThreadExists):
        await store.create_thread(alice, thread_id="atc_1")


async def test_what_cannot_be_saved_is_refused(store: ThreadStore, alice: Principal) -> None:
    """Ids that are none, and users who are no members."""
    with pytest.raises(InvalidItem, match="cannot be the id of an attachment"):
        await store.save_attachment(alice, FILE.model_copy(update={"id": "a b"}))
    with pytest.raises(AccessDenied):
        await store.save_attachment(Principal("acme", "guest", frozenset()), FILE)
