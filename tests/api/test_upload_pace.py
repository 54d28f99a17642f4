"""A body that comes in too slowly is cut off, and one that only pauses is not; callers share the places."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from archive_service.api import upload, uploads
from archive_service.api.upload import Body, Limits, receive
from archive_service.api.uploads import UploadsInProgress
from archive_service.errors import TooSlow, Unavailable
from archive_service.storage.staging import Staging
from tests.api.service import Part, multipart

LIMITS = Limits(1_000, 2_000_000, frozenset({"metadata"}))
FILE = b"%PDF-1.7 " + bytes(1_500_000)


class Line(io.BytesIO):
    """A body that comes over a line of so many bytes a second, after a pause; the time it takes is only counted."""

    def __init__(self, content: bytes, bytes_a_second: float, pause_seconds: float = 0.0) -> None:
        super().__init__(content)
        self.seconds, self._rate = pause_seconds, bytes_a_second

    def read(self, size: int | None = -1, /) -> bytes:
        block = super().read(size)
        self.seconds += len(block) / self._rate
        return block


def sent(line: Line, content_type: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Receive the body and return what is staged."""
    monkeypatch.setattr("archive_service.api.upload.time.monotonic", lambda: line.seconds)
    with Staging(folder).receive(LIMITS.file_bytes) as file:
        receive(Body(cast(BinaryIO, line), content_type, None), file, LIMITS)
        return file.path.read_bytes()


def body() -> tuple[bytes, str]:
    said = Part("metadata", json.dumps({}).encode(), "application/json")
    return multipart([said, Part("file", FILE, "application/pdf", "a.pdf")])


@pytest.mark.parametrize(("rate", "pause"), [(1e9, 0.0), (64_000, 0.0), (4_000, 0.0), (1e6, 25.0)])
def test_slow_lines_and_pauses_are_put_up_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: float, pause: float
) -> None:
    content, content_type = body()
    assert sent(Line(content, rate, pause), content_type, tmp_path, monkeypatch) == FILE


def test_body_that_drips_is_cut_off_after_a_few_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, content_type = body()
    line = Line(content, 100)
    with pytest.raises(TooSlow) as told:
        sent(line, content_type, tmp_path, monkeypatch)
    assert told.value.retryable
    assert line.tell() <= 8 * upload.FIRST_BLOCK_BYTES
    assert list(tmp_path.iterdir()) == []


def test_one_caller_has_half_of_the_places_and_all_have_three_quarters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "WAIT_SECONDS", 0.01)
    places = UploadsInProgress(8)
    held = [places.one_more("one") for _ in range(4)] + [places.one_more("two") for _ in range(2)]
    for number, place in enumerate(held):
        place.__enter__()
        if number == 3:
            with pytest.raises(Unavailable), places.one_more("one"):
                pass
    with pytest.raises(Unavailable) as told, places.one_more("three"):
        pass
    assert (told.value.component, told.value.retry_after_seconds > 0) == ("uploads", True)
    held[0].__exit__(None, None, None)
    with places.one_more("three"):
        pass


def test_who_comes_in_a_burst_waits_for_a_place() -> None:
    places = UploadsInProgress(2)
    entered = threading.Event()

    def quick() -> None:
        with places.one_more("one"):
            entered.set()

    with places.one_more("one"):
        waiting = threading.Thread(target=quick)
        waiting.start()
        assert not entered.wait(0.05)
    waiting.join()
    assert entered.is_set()
