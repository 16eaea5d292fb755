"""The pynsq client program. What it prints and what it may ask for is described in ../suite.mjs, the list of checks in
../checks.mjs. This file runs the checks in order and turns each into one line; clients.py wraps the library."""

import asyncio
import logging
import os
import sys

import checks
from auth import AUTH_CHECKS
from clients import open_writer, print_line
from layers import LAYER_CHECKS, Skipped, layer_check
from restart import check_restart

CHECKS = [
    ('publish', checks.check_publish),
    ('publish-batch', checks.check_publish_batch),
    ('publish-deferred', checks.check_publish_deferred),
    ('consume', checks.check_consume),
    ('finish', checks.check_finish),
    ('requeue', checks.check_requeue),
    ('touch', checks.check_touch),
    ('timeout', checks.check_timeout),
    ('pause', checks.check_pause),
    *((name, layer_check(name)) for name in LAYER_CHECKS),
    ('restart', check_restart),
]


async def main():
    is_auth = sys.argv[1:] == ['auth']
    writer = None if is_auth else await open_writer()
    for name, run in AUTH_CHECKS if is_auth else CHECKS:
        try:
            print_line({'check': name, 'ok': True, 'detail': await run(writer)})
        except Skipped as reason:
            print_line({'check': name, 'skip': str(reason)})
        except Exception as error:  # the runner must hear of every check
            print_line({'check': name, 'ok': False, 'detail': f'{type(error).__name__}: {error}'})
    os._exit(0)  # readers keep their sockets and timers; every check has been reported


logging.disable(logging.CRITICAL)  # pynsq logs every lost connection of the restart check
asyncio.run(main())
