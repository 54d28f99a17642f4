"""Draws what an official leaves on paper: a round seal that says it is an example, and a signature in ink."""

from __future__ import annotations

import math
import random

from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from examples.page import BOLD


def draw_seal(canvas: Canvas, middle: tuple[float, float]) -> None:
    """Draw the seal around ``middle``, in points: over the beginning of the signature, as is the rule."""
    canvas.saveState()
    canvas.translate(*middle)
    canvas.rotate(-6)
    canvas.setStrokeColorRGB(0.82, 0.1, 0.12, 0.8)
    canvas.setFillColorRGB(0.82, 0.1, 0.12, 0.8)
    for radius, width in ((17 * mm, 1.6), (11 * mm, 0.7)):
        canvas.setLineWidth(width)
        canvas.circle(0, 0, radius)
    _letters_on_arc(canvas, "BẢO HIỂM XÃ HỘI", 12.6 * mm, 90, 13.5)
    _letters_on_arc(canvas, "• VÍ DỤ •", -15.4 * mm, 270, -13.5)
    _star(canvas, 6 * mm)
    canvas.restoreState()


def draw_signature(canvas: Canvas, middle: tuple[float, float], draw: random.Random) -> None:
    """Draw a signature as a pen does, a few quick loops and a long stroke: another for each ``draw``."""
    canvas.saveState()
    canvas.translate(middle[0] - 10 * mm, middle[1] - 2 * mm)
    canvas.setStrokeColorRGB(0.1, 0.16, 0.55, 0.9)
    canvas.setLineWidth(1.3)
    canvas.setLineCap(1)
    path = canvas.beginPath()
    x, y = 0.0, 0.0
    path.moveTo(x, y)
    for _ in range(draw.randint(4, 6)):
        step, rise, dip = (draw.uniform(*bounds) * mm for bounds in ((4, 7), (4, 9), (0, 3)))
        path.curveTo(x + step, y + rise, x - step * 0.3, y + rise * 1.1, x + step * 0.8, y - dip)
        x += step * 0.8
    path.curveTo(x + 8 * mm, y + 3 * mm, x - 30 * mm, y - 9 * mm, x + 12 * mm, y - 4 * mm)
    canvas.drawPath(path)
    canvas.restoreState()


def _letters_on_arc(canvas: Canvas, text: str, radius: float, middle_angle: float, step: float) -> None:
    """Draw letters along a circle; a negative radius and step set them upright along its lower half."""
    size = 8
    for index, letter in enumerate(text):
        angle = middle_angle - (index - (len(text) - 1) / 2) * step
        canvas.saveState()
        turn = math.radians(angle)
        canvas.translate(abs(radius) * math.cos(turn), abs(radius) * math.sin(turn))
        canvas.rotate(angle - 90 if radius > 0 else angle + 90)
        canvas.setFont(BOLD, size)
        canvas.drawCentredString(0, 0, letter)
        canvas.restoreState()


def _star(canvas: Canvas, radius: float) -> None:
    path = canvas.beginPath()
    for corner in range(10):
        reach = radius if corner % 2 == 0 else radius * 0.4
        x, y = reach * math.sin(corner * math.pi / 5), reach * math.cos(corner * math.pi / 5)
        if corner == 0:
            path.moveTo(x, y)
        else:
            path.lineTo(x, y)
    path.close()
    canvas.drawPath(path, fill=1, stroke=0)
