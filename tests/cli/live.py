"""The real API over a real archive behind a real port, for tests of the commands that ask it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from structlog.testing import capture_logs
from werkzeug.serving import make_server

from tests.api.service import Service, open_service


@contextmanager
def served(folder: Path) -> Iterator[tuple[Service, str]]:
    """Give a service in a folder, and its address on this machine."""
    # What the service logs must not stand among what a command prints: both have one standard output here.
    with capture_logs(), open_service(folder) as service:
        server = make_server("127.0.0.1", 0, service.app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield service, f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
