"""The restart check: a backlog nobody consumed yet, a message somebody holds, and a writer and two readers at work while the
daemon goes away and comes back. The backlog must arrive exactly once, the held message again with attempts 2, and every
live publish that was answered at least once: its FIN may have been lost with the connection."""

import asyncio
import time

from checks import publish_one
from clients import PATIENCE_S, Inbox, await_empty, create_channel, request_restart, send

PUBLISHED_EACH_SIDE = 500  # before the restart, and after it


async def check_restart(writer):
    backlog_topic, live_topic = 'py-restart-backlog', 'py-restart-live'
    backlog = [b'backlog %d' % i for i in range(PUBLISHED_EACH_SIDE)]
    await create_channel(backlog_topic)
    await send(writer.mpub, backlog_topic, backlog)
    held_inbox, _ = await publish_one(writer, 'py-restart-held')

    await create_channel(live_topic)
    live = Inbox()
    for _ in range(2):
        await live.subscribe(live_topic, max_in_flight=20)
    consumption = Consumption(live)
    published, refused = await publish_across_restart(writer, live_topic)
    assert refused > 0, 'no publish failed: the daemon was never away'
    await consumption.complete(published)
    await await_empty(live_topic)
    consumption.stop()

    held = await held_inbox.receive()
    assert held.attempts == 2, f'the message held over the restart came with attempts {held.attempts}'
    held.finish()
    backlog_inbox = Inbox()
    await backlog_inbox.subscribe(backlog_topic, max_in_flight=20)
    await backlog_inbox.consume_exactly(set(backlog))
    return (f'{published} live ({refused} refused, {consumption.repeated} delivered again), 1 held, '
            f'{len(backlog)} of a backlog')


async def publish_across_restart(writer, topic):
    """Publishes "live 0", "live 1" ... one by one and repeats what was not answered OK."""
    published = refused = 0

    async def publish_next():
        nonlocal published, refused
        while True:
            try:
                await send(writer.pub, topic, b'live %d' % published)
                break
            except Exception:  # refused, or the connection was lost before the answer: either way not acknowledged
                refused += 1
                await asyncio.sleep(0.02)
        published += 1

    for _ in range(PUBLISHED_EACH_SIDE):
        await publish_next()
    restarted = asyncio.create_task(request_restart())
    while not restarted.done():
        await publish_next()
        await asyncio.sleep(0.001)  # keeps publishing while the daemon stops, without a flood
    await restarted
    for _ in range(PUBLISHED_EACH_SIDE):
        await publish_next()
    return published, refused


class Consumption:
    """Finishes whatever comes, in the background, and remembers which bodies came."""

    def __init__(self, inbox):
        self.seen = set()
        self.repeated = 0
        self.task = asyncio.create_task(self.run(inbox))

    async def complete(self, count):
        """Waits until `count` different bodies have come."""
        deadline = time.monotonic() + PATIENCE_S
        while len(self.seen) < count:
            assert time.monotonic() < deadline, f'{len(self.seen)} of {count} messages of the live topic'
            await asyncio.sleep(0.02)

    def stop(self):
        self.task.cancel()

    async def run(self, inbox):
        while True:
            message = await inbox.messages.get()
            self.repeated += message.body in self.seen
            self.seen.add(message.body)
            message.finish()
