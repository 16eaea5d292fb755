"""The checks of TLS and compression: a writer and a reader of their own for each combination.

pynsq loses its place in a compressed stream when a read ends at the wrong byte, so that with compression its readers get
small messages one by one. They go without snappy altogether: python-snappy has such a trouble of its own from version 0.7
on. What the writer reads are single answers, which come whole."""

import importlib.util
import os
import random

from clients import Inbox, await_empty, create_channel, open_writer, producer_stats, send

# What each check turns on, by the names of the library and of the daemon's statistics.
LAYER_CHECKS = {
    'tls': ['tls'],
    'snappy': ['snappy'],
    'deflate': ['deflate'],
    'tls-snappy': ['tls', 'snappy'],
    'tls-deflate': ['tls', 'deflate'],
}


class Skipped(Exception):
    """The library cannot do it here."""


def layer_check(name):
    return lambda _writer: check_layers(name, LAYER_CHECKS[name])


async def check_layers(name, layers):
    if 'snappy' in layers and importlib.util.find_spec('snappy') is None:
        raise Skipped('python-snappy is not installed')
    topic = f'py-{name}'
    await create_channel(topic)
    inbox = Inbox()
    is_compressed = layers != ['tls']
    max_in_flight = 1 if is_compressed else 100
    reader = await inbox.subscribe(topic, max_in_flight=max_in_flight, **options_of(set(layers) - {'snappy'}))
    writer = await open_writer(**options_of(layers))
    expected = await publish_sizes(writer, topic, 1000 if is_compressed else 300_000)
    await inbox.consume_exactly(expected)
    producer = await producer_stats(topic)
    shown = [layer for layer in ('tls', 'snappy', 'deflate') if producer[layer]]
    assert shown == layers, f'the daemon shows {shown}'
    await await_empty(topic)
    reader.close()
    return f'{len(expected)} messages of 2 B to {max(map(len, expected))} B'


def options_of(layers):
    options = {layer: True for layer in layers if layer != 'tls'}
    if 'tls' in layers:
        options.update(tls_v1=True, tls_options={'ca_certs': os.environ['NSQD_CA']})
    return options


async def publish_sizes(writer, topic, size_max):
    """Publishes one by one and in batches, bodies that compress well and bodies that do not."""
    source = random.Random(1)

    def body(number, size):
        count = min(size, size_max)
        return b'%d ' % number + (source.randbytes(count) if number % 2 == 0 else bytes(count))

    singles = [body(i, size) for i, size in enumerate((0, 1, 100, 65_535, 65_536, 65_537, 300_000, 5, 5, 5))]
    for each in singles:
        await send(writer.pub, topic, each)
    batches = [[body(i * 1000 + j, source.randrange(2000)) for j in range(100)] for i in range(1, 11)]
    for batch in batches:
        await send(writer.mpub, topic, batch)
    return {*singles, *(each for batch in batches for each in batch)}
