"""The sandbox in which signatures are validated: its server holds the anchors, and follows the folders they lie in.

It must never read a file of those folders itself: names, sizes and times tell that something changed.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from archive_service.pdf.sandbox import Job, Run, Sandbox, SandboxSetup
from archive_service.pdf.trust_folders import trust_state

_TASKS = "archive_service.pdf.signature_tasks"


class SignatureSandbox:
    """Runs validations, at most ``processes`` at one time. Thread-safe.

    ``folders`` are those of ``trust.load_trust``. No server is there before the first run.
    """

    def __init__(self, processes: int, folders: Mapping[str, str | None]) -> None:
        self._folders = folders
        self._setup = SandboxSetup(tasks=_TASKS, preload=folders, processes=processes)
        self._changing = threading.Lock()
        self._sandbox = Sandbox(self._setup)
        self._state: object = None

    def run(self, document: int, job: Job) -> Run:
        """Run the job against the folders as they are now. Raises as ``Sandbox.run``."""
        return self._current().run(document, job)

    def close(self) -> None:
        """End the server. Idempotent."""
        with self._changing:
            self._sandbox.close()

    def _current(self) -> Sandbox:
        state = trust_state(self._folders)
        with self._changing:
            if self._state is not None and state != self._state:
                # Runs under way on the old server end as unavailable: the same deposit may be sent again.
                self._sandbox.close()
                self._sandbox = Sandbox(self._setup)
            self._state = state
            return self._sandbox
