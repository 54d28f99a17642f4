"""A small PDF made on the spot, whose words are bars: it is read only where checking and recognising both work.

It must never depend on a library or a font: it is what the reader is tried with before there is any document.
"""

from __future__ import annotations

# The strokes of each letter, as left, bottom, width and height on a field of 10 by 14.
_STROKES: dict[str, tuple[tuple[int, int, int, int], ...]] = {
    "D": ((0, 0, 2, 14), (2, 12, 5, 2), (2, 0, 5, 2), (7, 2, 2, 10)),
    "T": ((0, 12, 10, 2), (4, 0, 2, 12)),
    "H": ((0, 0, 2, 14), (8, 0, 2, 14), (2, 6, 6, 2)),
    "E": ((0, 0, 2, 14), (2, 12, 7, 2), (2, 6, 6, 2), (2, 0, 7, 2)),
    "L": ((0, 0, 2, 14), (2, 0, 7, 2)),
    "I": ((4, 0, 2, 14),),
    "F": ((0, 0, 2, 14), (2, 12, 7, 2), (2, 6, 6, 2)),
    " ": (),
}
_LINES = ("THE FILE LEFT THE HILL", "TELL THE LITTLE FIELD", "THE FIFTH FELL LITTLE")


def trial_pdf() -> bytes:
    """Return a PDF of one page with three lines of words and no text object (ISO 32000-2 §7.5)."""
    bars = [
        f"{40 + at * 13 + x} {250 - row * 30 + y} {width} {height} re"
        for row, line in enumerate(_LINES)
        for at, letter in enumerate(line)
        for x, y, width, height in _STROKES[letter]
    ]
    drawing = ("0 g " + " ".join(bars) + " f").encode()
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 360 300] /Contents 4 0 R /Resources << >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawing), drawing),
    )
    out = b"%PDF-1.4\n"
    table = b"xref\n0 5\n0000000000 65535 f \n"
    for number, body in enumerate(objects, 1):
        table += b"%010d 00000 n \n" % len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    return out + table + b"trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(out)
