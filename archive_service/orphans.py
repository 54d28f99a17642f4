"""A process that was started by another must not outlive it unseen, however that one ended."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

# How soon a process notices that its parent is gone.
LOOK_SECONDS = 1.0


def follow_parent(parent: int, when_orphaned: Callable[[], None]) -> None:
    """Watch in the background that the process ``parent`` stays this one's parent; call once when it does not.

    A parent that was killed cannot tell its children; the system gives them to another process, and that is seen.
    """

    def watch() -> None:
        never = threading.Event()
        while os.getppid() == parent:
            never.wait(LOOK_SECONDS)
        when_orphaned()

    threading.Thread(target=watch, name="follow-parent", daemon=True).start()
