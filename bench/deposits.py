"""What the deposit benches send: made-up results with metadata, each file's bytes its own, of a wanted size."""

from __future__ import annotations

import io
import json
import random
from dataclasses import dataclass
from functools import cache

import pikepdf

from bench.clients import MEDIA_TYPE, Request, file_parts, unique
from examples.results import Form, make_results

MEBIBYTE = 2**20
_MARK = b"0123456789abcdef" * 2


@dataclass(frozen=True, slots=True)
class Template:
    """A valid PDF in two portions, between which any 32 characters may stand."""

    head: bytes
    tail: bytes

    def file(self) -> tuple[bytes, ...]:
        """Return a PDF like no other, in portions."""
        return self.head, unique(), self.tail


def prepare(*sizes: int) -> None:
    """Make what the requests are made of, before threads ask for it side by side."""
    _usual()
    for size_bytes in sizes:
        template(size_bytes)


@cache
def template(size_bytes: int = 0) -> Template:
    """Return a born-digital example of one page that carries a picture, so that it has at least ``size_bytes``."""
    made = next(make_results(7, 1, (Form.BORN_DIGITAL,)))
    with pikepdf.open(io.BytesIO(made.pdf)) as pdf:
        width = 1024
        height = max(1, size_bytes // width)
        grain = (random.Random(1).randbytes(MEBIBYTE) * (width * height // MEBIBYTE + 1))[: width * height - len(_MARK)]
        picture = pikepdf.Stream(pdf, _MARK + grain)
        picture.Type, picture.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
        picture.Width, picture.Height = width, height
        picture.ColorSpace, picture.BitsPerComponent = pikepdf.Name.DeviceGray, 8
        resources = pdf.pages[0].resources
        resources["/XObject"] = pikepdf.Dictionary(Im0=picture)
        saved = io.BytesIO()
        pdf.save(saved, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none, static_id=True)
    head, _, tail = saved.getvalue().partition(_MARK)
    return Template(head, tail)


def deposit(number: int, headers: dict[str, str], content: tuple[bytes, ...]) -> Request:
    """Return the request that deposits the bytes for a subject of the number's own."""
    said = json.dumps(metadata(number), ensure_ascii=False).encode()
    headers = headers | {"Content-Type": MEDIA_TYPE, "Idempotency-Key": unique().decode()}
    return Request("POST", "/api/v1/records", headers, file_parts(said, content))


@cache
def _usual() -> str:
    return json.dumps(next(make_results(7, 1, (Form.BORN_DIGITAL,))).metadata)


def metadata(number: int) -> dict[str, object]:
    """Return what is said of a result, its subject being the number's own."""
    said: dict[str, object] = json.loads(_usual())
    said["subject"] = {
        "kind": "person",
        "name": "Nguyễn Thị Hồng",
        "birth_date": "1961-05-02",
        "identifiers": [{"scheme": "social-insurance", "number": f"{number % 10**10:010d}"}],
    }
    return said
