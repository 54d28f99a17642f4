"""The connections to an S3 server: quick to give up on one that does not answer, patient with one that works.

urllib3 sends a body under the timeout of connecting. A server that writes gigabytes to busy disks may stop
reading for longer than that, so connecting gets a timeout of its own here. Never verifies less than the
whole certificate.
"""

from __future__ import annotations

from collections.abc import Callable

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

# Connections kept open: as many as threads of a web process or a worker use at the same time.
POOL_SIZE = 32


def connections(*, connect_seconds: float, wait_seconds: float) -> urllib3.PoolManager:
    """Return a pool of connections.

    Args:
        connect_seconds: how long a host may take to accept a connection, its TLS handshake included.
        wait_seconds: how long a server may take to read the next bytes sent to it, or to send the next of its own.

    What can be repeated without harm is sent once more after a failure; a request may turn that off.
    """

    class Plain(HTTPConnection):
        def connect(self) -> None:
            _quickly(self, super().connect, connect_seconds)

    class Encrypted(HTTPSConnection):
        def connect(self) -> None:
            _quickly(self, super().connect, connect_seconds)

    class PlainPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Encrypted

    pools = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=wait_seconds, read=wait_seconds),
        maxsize=POOL_SIZE,
        cert_reqs="CERT_REQUIRED",
        retries=urllib3.Retry(total=1, backoff_factor=0.2, status_forcelist=(502, 503, 504)),
    )
    pools.pool_classes_by_scheme = {"http": PlainPool, "https": EncryptedPool}
    return pools


def _quickly(connection: HTTPConnection, connect: Callable[[], None], connect_seconds: float) -> None:
    """Connect under a timeout of its own, and go back to the one for sending."""
    sending = connection.timeout
    connection.timeout = connect_seconds
    try:
        connect()
    finally:
        connection.timeout = sending
    connection.sock.settimeout(sending)
