"""The restart check: a backlog nobody consumed yet, and a writer and two readers at work while the daemon goes away and
comes back. Every publish that was answered must arrive; what was in flight may arrive twice."""

import asyncio

from clients import Inbox, create_channel, request_restart, send

PUBLISHED_EACH_SIDE = 500  # before the restart, and after it


async def check_restart(writer):
    backlog_topic, live_topic = 'py-restart-backlog', 'py-restart-live'
    backlog = [b'backlog %d' % i for i in range(PUBLISHED_EACH_SIDE)]
    await create_channel(backlog_topic)
    await send(writer.mpub, backlog_topic, backlog)

    await create_channel(live_topic)
    live = Inbox()
    for _ in range(2):
        await live.subscribe(live_topic, max_in_flight=20)
    published, refused = await publish_across_restart(writer, live_topic)
    assert refused > 0, 'no publish failed: the daemon was never away'
    repeated = await consume_at_least_once(live, published)

    backlog_inbox = Inbox()
    await backlog_inbox.subscribe(backlog_topic, max_in_flight=20)
    await backlog_inbox.consume_exactly(set(backlog))
    return (f'{published} live ({refused} refused and repeated, {repeated} delivered again), '
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


async def consume_at_least_once(inbox, count):
    """Finishes messages until "live 0" to "live count-1" are complete; returns how many came again."""
    seen = set()
    repeated = 0
    while len(seen) < count:
        message = await inbox.receive()
        if message.body in seen:
            repeated += 1
        seen.add(message.body)
        message.finish()
    return repeated
