"""What the checks need around pynsq: publishes and messages that can be awaited, the daemon's HTTP API, and the line
protocol of ../suite.mjs."""

import asyncio
import json
import os
import sys
import time
import urllib.request

import nsq

CHANNEL = 'interop'
# How long a check waits for something that must happen: stock nsqd may fire timers up to 5 s late on a young channel, and
# pynsq's Reader connects again 15 s after it lost its connection.
PATIENCE_S = 25
SURPLUS_S = 0.3
CONNECT_POLL_S = 0.01

TCP_ADDRESS = os.environ['NSQD_TCP']
HTTP_ADDRESS = os.environ['NSQD_HTTP']


def print_line(value):
    print(json.dumps(value), flush=True)


async def request_restart():
    """Returns when the daemon answers again."""
    print_line({'do': 'restart'})
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


async def open_writer(**options):
    writer = nsq.Writer([TCP_ADDRESS], reconnect_interval=0.2, **options)
    while not writer.conns:
        await asyncio.sleep(CONNECT_POLL_S)
    return writer


async def send(publish, *args):
    """Calls one of the writer's publishing methods and raises unless nsqd answered OK."""
    answered = asyncio.get_running_loop().create_future()

    def on_answer(_conn, data):
        if not answered.done():
            answered.set_result(data)

    publish(*args, callback=on_answer)
    data = await answered
    if isinstance(data, Exception):
        raise data
    assert data == b'OK', data


class Inbox:
    """Messages of one or several readers, in the order they came; whoever receives one answers it."""

    def __init__(self):
        self.messages = asyncio.Queue()

    async def subscribe(self, topic, **options):
        reader = nsq.Reader(topic, CHANNEL, nsqd_tcp_addresses=[TCP_ADDRESS], max_tries=0, **options)
        reader.received = 0

        def on_message(message):
            message.enable_async()
            reader.received += 1
            self.messages.put_nowait(message)

        reader.set_message_handler(on_message)
        while not reader.conns:
            await asyncio.sleep(CONNECT_POLL_S)
        return reader

    async def next(self, limit_s):
        """The next message, or None when none comes within the time."""
        try:
            return await asyncio.wait_for(self.messages.get(), limit_s)
        except asyncio.TimeoutError:
            return None

    async def receive(self):
        message = await self.next(PATIENCE_S)
        assert message is not None, f'no message within {PATIENCE_S} s'
        return message

    async def expect_none(self, limit_s):
        message = await self.next(limit_s)
        assert message is None, f'unexpected message {message.body}, attempts {message.attempts}'

    async def consume_exactly(self, expected):
        """Finishes messages until the expected bodies are complete; each must come once, at its first attempt."""
        seen = set()
        while len(seen) < len(expected):
            message = await self.receive()
            assert message.body in expected, f'a body nobody published: {message.body}'
            assert message.body not in seen, f'{message.body} came twice'
            assert message.attempts == 1, f'{message.body} came with attempts {message.attempts}'
            seen.add(message.body)
            message.finish()
        await self.expect_none(SURPLUS_S)


async def post(path):
    request = urllib.request.Request(f'http://{HTTP_ADDRESS}{path}', method='POST')
    await asyncio.to_thread(lambda: urllib.request.urlopen(request).read())


async def create_channel(topic):
    await post(f'/topic/create?topic={topic}')
    await post(f'/channel/create?topic={topic}&channel={CHANNEL}')


async def stats_of(topic):
    url = f'http://{HTTP_ADDRESS}/stats?format=json&topic={topic}'
    return json.loads(await asyncio.to_thread(lambda: urllib.request.urlopen(url).read()))


async def producer_stats(topic):
    """The only client that has published to the topic."""
    [producer] = [each for each in (await stats_of(topic))['producers'] if 'pub_counts' in each]
    return producer


async def await_empty(topic):
    """Waits until the channel holds nothing any more (not queued, in flight or deferred) and returns its statistics."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        [stats] = (await stats_of(topic))['topics'][0]['channels']
        counts = {name: stats[name] for name in ('depth', 'in_flight_count', 'deferred_count')}
        if not any(counts.values()):
            return stats
        assert time.monotonic() < deadline, f'the channel is not empty: {counts}'
        await asyncio.sleep(0.02)
