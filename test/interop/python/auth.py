"""The checks of authorization, by the secrets and topics of ../auth-server.mjs."""

import asyncio

import nsq

from clients import Inbox, TCP_ADDRESS, create_channel, open_writer, send, stats_of

# Longer than an answer of the auth server holds.
EXPIRY_S = 1.5
REFUSAL_S = 2


async def check_auth(_writer):
    topic = 'py-auth'
    await create_channel(topic)
    inbox = Inbox()
    reader = await inbox.subscribe(topic, auth_secret='open')
    writer = await open_writer(auth_secret='open')
    for body in (b'at once', b'renewed'):
        await send(writer.pub, topic, body)
        await inbox.consume_exactly({body})
        await asyncio.sleep(EXPIRY_S)
    reader.close()
    return 'published and consumed, before and after the answer expired'


async def expect_refusal(writer, topic, text):
    try:
        await asyncio.wait_for(send(writer.pub, topic, b'x'), REFUSAL_S)
    except Exception as error:
        assert text in str(error), f'publishing to {topic} ended with {error!r}'
        return
    raise AssertionError(f'publishing to {topic} was not refused')


async def check_forbidden(_writer):
    await expect_refusal(await open_writer(auth_secret='open'), 'py-other', 'E_UNAUTHORIZED')
    await expect_refusal(await open_writer(), 'py-auth', 'E_AUTH_FIRST')
    failed = asyncio.get_running_loop().create_future()
    stranger = nsq.AsyncConn('127.0.0.1', int(TCP_ADDRESS.split(':')[1]), auth_secret='wrong')
    stranger.on('error', lambda conn, error: failed.done() or failed.set_result(error))
    stranger.connect()
    error = await asyncio.wait_for(failed, REFUSAL_S)
    assert 'E_AUTH_FAILED' in str(error), error
    topic = 'py-outbox'
    await create_channel(topic)
    inbox = Inbox()
    subscribing = asyncio.ensure_future(inbox.subscribe(topic, auth_secret='open'))
    await send((await open_writer(auth_secret='open')).pub, topic, b'x')
    await inbox.expect_none(1)
    subscribing.cancel()
    [stats] = (await stats_of(topic))['topics'][0]['channels']
    assert stats['depth'] == 1, stats
    return 'another topic, subscribing where only publishing is allowed, no secret, a wrong one'


async def check_expired(_writer):
    writer = await open_writer(auth_secret='brief')
    await send(writer.pub, 'py-expired-auth', b'allowed')
    await asyncio.sleep(EXPIRY_S)
    await expect_refusal(writer, 'py-expired-auth', 'E_AUTH_FAILED')
    return 'refused after the answer expired'


AUTH_CHECKS = [('auth', check_auth), ('auth-forbidden', check_forbidden), ('auth-expired', check_expired)]
