"""Placing a drawing in a square frame, the same way for letters, emoji and icons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Frame:
    """A square image.

    Attributes:
        size: width and height in pixels.
        margin: pixels kept free on each side.
        reference_height: height in pixels of a style's reference drawing, which sets its scale, so
            that small things stay smaller than large ones.
        baseline: row that drawings stand on; None centres them from top to bottom.
        oversampling: drawings are made this many times larger and averaged down. Fonts need it:
            hinting at small sizes distorts shapes, and differs between cuts of one typeface.
    """

    size: int
    margin: int
    reference_height: int
    baseline: int | None = None
    oversampling: int = 4

    @property
    def fine_reference(self) -> int:
        """Height of the reference drawing before averaging down."""
        return self.reference_height * self.oversampling

    def excess(self, box: Box) -> float:
        """How many times larger than the room inside the margins a drawing is."""
        room = (self.size - 2 * self.margin) * self.oversampling
        return max(box[2] - box[0], box[3] - box[1]) / room

    def place(self, drawing: Image.Image, box: Box, origin: int = 0) -> NDArray[np.uint8]:
        """Centre what lies in ``box`` on white and average it down.

        Args:
            drawing: ``L`` (how much ink: black on white results) or ``RGBA``, oversampled.
            box: left, top, right, bottom of its ink; not larger than the room.
            origin: row of ``drawing`` that lies on the base line.

        Returns:
            uint8 [size, size] for ``L``, [size, size, 3] for ``RGBA``.
        """
        side = self.size * self.oversampling
        inked = drawing.crop(box)
        position = ((side - inked.width) // 2, self._top(box, origin))
        if drawing.mode == "L":
            canvas = Image.new("L", (side, side), 255)
            canvas.paste(0, position, inked)
        else:
            canvas = Image.new("RGB", (side, side), "white")
            canvas.paste(inked, position, inked)
        return np.array(canvas.reduce(self.oversampling))

    def _top(self, box: Box, origin: int) -> int:
        height = box[3] - box[1]
        side, margin = self.size * self.oversampling, self.margin * self.oversampling
        if self.baseline is None:
            return (side - height) // 2
        wanted = self.baseline * self.oversampling + box[1] - origin
        return max(margin, min(wanted, side - margin - height))
