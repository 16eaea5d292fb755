"""The checks of publishing, consuming and answering. Each returns a remark or raises. The restart check has its own file."""

import time

from clients import CHANNEL, Inbox, await_empty, create_channel, post, send


async def check_publish(writer):
    topic = 'py-publish'
    await create_channel(topic)
    bodies = [b'single %d' % i for i in range(200)]
    for body in bodies:
        await send(writer.pub, topic, body)
    inbox = Inbox()
    reader = await inbox.subscribe(topic, max_in_flight=10)
    await inbox.consume_exactly(set(bodies))
    reader.close()
    return f'{len(bodies)} messages by PUB'


async def check_publish_batch(writer):
    topic = 'py-publish-batch'
    await create_channel(topic)
    every_byte = bytes(range(256))
    batches = [[b'batch %d.%d ' % (i, j) + every_byte for j in range(100)] for i in range(10)]
    for batch in batches:
        await send(writer.mpub, topic, batch)
    inbox = Inbox()
    reader = await inbox.subscribe(topic, max_in_flight=50)
    await inbox.consume_exactly({body for batch in batches for body in batch})
    reader.close()
    return '1000 messages by 10 MPUB'


async def check_publish_deferred(writer):
    topic, delay_ms = 'py-publish-deferred', 1500
    await create_channel(topic)
    inbox = Inbox()
    reader = await inbox.subscribe(topic)
    start = time.monotonic()
    await send(writer.dpub, topic, delay_ms, b'deferred')
    message = await inbox.receive()
    elapsed_ms = round((time.monotonic() - start) * 1000)
    message.finish()
    assert elapsed_ms >= delay_ms, f'delivered after {elapsed_ms} ms, before its delay of {delay_ms} ms'
    assert message.attempts == 1, f'attempts {message.attempts}'
    await await_empty(topic)
    reader.close()
    return f'delay {delay_ms} ms, delivered after {elapsed_ms} ms'


async def check_consume(writer):
    topic = 'py-consume'
    await create_channel(topic)
    inbox = Inbox()
    readers = [await inbox.subscribe(topic, max_in_flight=100) for _ in range(3)]
    bodies = [b'consume %d ' % i + b'x' * (i * 7919 % 400) for i in range(10_000)]
    for i in range(0, len(bodies), 100):
        await send(writer.mpub, topic, bodies[i:i + 100])
    await inbox.consume_exactly(set(bodies))
    await await_empty(topic)
    shares = [reader.received for reader in readers]
    assert 0 not in shares, f'a reader received nothing: {shares}'
    for reader in readers:
        reader.close()
    return f'{len(bodies)} messages over {len(readers)} connections, {" + ".join(map(str, shares))}'


async def check_finish(writer):
    topic, msg_timeout_s = 'py-finish', 1
    inbox, message = await publish_one(writer, topic, msg_timeout=msg_timeout_s)
    message.finish()
    await inbox.expect_none(2 * msg_timeout_s)
    stats = await await_empty(topic)
    assert stats['timeout_count'] == 0, f'timeout_count {stats["timeout_count"]}'
    return 'not seen again after its timeout, channel empty'


async def check_requeue(writer):
    topic, delay_ms = 'py-requeue', 1500
    inbox, message = await publish_one(writer, topic)
    start = time.monotonic()
    message.requeue(backoff=False, time_ms=delay_ms)
    again = await inbox.receive()
    elapsed_ms = round((time.monotonic() - start) * 1000)
    again.finish()
    assert elapsed_ms >= delay_ms, f'back after {elapsed_ms} ms, before its delay of {delay_ms} ms'
    assert_second_delivery(message, again)
    stats = await await_empty(topic)
    assert stats['requeue_count'] == 1, f'requeue_count {stats["requeue_count"]}'
    return f'delay {delay_ms} ms, back after {elapsed_ms} ms with attempts 2'


async def check_touch(writer):
    topic, msg_timeout_s, touches, interval_s = 'py-touch', 1, 10, 0.3
    inbox, message = await publish_one(writer, topic, msg_timeout=msg_timeout_s)
    for _ in range(touches):
        await inbox.expect_none(interval_s)
        message.touch()
    message.finish()
    await inbox.expect_none(2 * msg_timeout_s)
    stats = await await_empty(topic)
    assert stats['timeout_count'] == 0, f'timeout_count {stats["timeout_count"]}'
    return f'timeout {msg_timeout_s} s, held for {touches * interval_s} s'


async def check_timeout(writer):
    topic, msg_timeout_s = 'py-timeout', 1.5
    start = time.monotonic()
    inbox, message = await publish_one(writer, topic, msg_timeout=msg_timeout_s)
    again = await inbox.receive()
    elapsed_s = time.monotonic() - start
    again.finish()
    assert elapsed_s >= msg_timeout_s, f'back after {elapsed_s} s, before its timeout of {msg_timeout_s} s'
    assert_second_delivery(message, again)
    stats = await await_empty(topic)
    assert stats['timeout_count'] == 1, f'timeout_count {stats["timeout_count"]}'
    return f'timeout {msg_timeout_s} s, back after {elapsed_s:.1f} s with attempts 2'


async def check_pause(writer):
    topic = 'py-pause'
    await create_channel(topic)
    inbox = Inbox()
    reader = await inbox.subscribe(topic, max_in_flight=5)
    await post(f'/channel/pause?topic={topic}&channel={CHANNEL}')
    bodies = [b'paused %d' % i for i in range(20)]
    for body in bodies:
        await send(writer.pub, topic, body)
    await inbox.expect_none(1)
    await post(f'/channel/unpause?topic={topic}&channel={CHANNEL}')
    await inbox.consume_exactly(set(bodies))
    reader.close()
    return f'nothing while paused, then all {len(bodies)}'


async def publish_one(writer, topic, **reader_options):
    """Publishes one message to a fresh topic and receives it by its only reader."""
    await create_channel(topic)
    inbox = Inbox()
    await inbox.subscribe(topic, **reader_options)
    await send(writer.pub, topic, topic.encode())
    message = await inbox.receive()
    assert message.attempts == 1, f'first delivery with attempts {message.attempts}'
    return inbox, message


def assert_second_delivery(first, second):
    assert second.attempts == 2, f'attempts {second.attempts}'
    assert second.id == first.id, f'id {second.id} instead of {first.id}'
