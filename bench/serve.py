"""``python -m bench.serve APPLICATION PORT``: the service's own HTTP server around an application of a bench."""

from __future__ import annotations

import sys

from archive_service.cli.serve import serve_http
from archive_service.settings import load_settings

if __name__ == "__main__":
    serve_http(load_settings(), "127.0.0.1", int(sys.argv[2]), application=sys.argv[1])
