"""Turns a drawn document into what a scanner makes of its paper: image only, slightly skewed, with grain."""

from __future__ import annotations

import io
import random
import time

import pypdfium2 as pdfium
from PIL import Image

DPI = 200  # the least that digitisation asks for (docs/glossary.md)
JPEG_QUALITY = 60
POINTS_PER_INCH = 72
SCANNED_AT = time.struct_time((2021, 3, 1, 2, 30, 0, 0, 60, 0))


def scan(pdf: bytes, draw: random.Random) -> bytes:
    """Return ``pdf`` as a scan of its print, 24-bit colour at 200 dots per inch, without any text layer."""
    document = pdfium.PdfDocument(pdf)
    try:
        renderings = [page.render(scale=DPI / POINTS_PER_INCH).to_pil().convert("RGB") for page in document]
    finally:
        document.close()
    papers = [_on_paper(rendering, draw) for rendering in renderings]
    buffer = io.BytesIO()
    papers[0].save(
        buffer,
        "PDF",
        save_all=True,
        append_images=papers[1:],
        resolution=DPI,
        quality=JPEG_QUALITY,
        producer="archive-service examples",
        # Without a fixed date the same seed would not give the same bytes.
        creationDate=SCANNED_AT,
        modDate=SCANNED_AT,
    )
    return buffer.getvalue()


def _on_paper(image: Image.Image, draw: random.Random) -> Image.Image:
    """Return the page as it lies on the glass: turned by less than a degree, off-white, with grain."""
    skewed = image.rotate(draw.uniform(-0.6, 0.6), Image.Resampling.BILINEAR, fillcolor=(255, 255, 255))
    tint = Image.new("RGB", skewed.size, (250, draw.randint(246, 249), draw.randint(236, 244)))
    grain = _grain(skewed.size, draw).convert("RGB")
    return Image.blend(Image.blend(skewed, tint, 0.12), grain, 0.05)


def _grain(size: tuple[int, int], draw: random.Random) -> Image.Image:
    """Return grey noise of a size: a small tile of it, repeated, because nobody sees the pattern in grain."""
    tile = Image.frombytes("L", (256, 256), draw.randbytes(256 * 256))
    noise = Image.new("L", size)
    for x in range(0, size[0], tile.width):
        for y in range(0, size[1], tile.height):
            noise.paste(tile, (x, y))
    return noise
