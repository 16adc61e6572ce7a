"""Pictures with drawn faces in them that the real detector finds."""

import numpy as np
from drawn_faces import drawn_face
from PIL import Image, ImageFilter

SMILING, DISPLEASED = 1.0, -0.6


def scene(*faces, width=640, height=480, roll=0.0, light=1.0):
    """A picture in RGB; each face is (mood, centre x, centre y, side) in pixels."""
    image = Image.new("RGB", (width, height), (112, 122, 132))
    for mood, x, y, side in faces:
        gray = drawn_face(mood, 200, teeth=mood > 0.5)
        down, across = (np.mgrid[0:200, 0:200] + 0.5) / 100 - 1
        inside = (((across / 0.78) ** 2 + (down / 0.98) ** 2 < 1) * 255).astype(np.uint8)
        tinted = Image.fromarray((gray[..., None] * np.array([1.0, 0.86, 0.76])).astype(np.uint8))
        tinted.putalpha(Image.fromarray(inside))
        turned = tinted.rotate(roll, Image.Resampling.BICUBIC, expand=True)
        small = turned.resize((round(turned.width * side / 200),) * 2, Image.Resampling.LANCZOS)
        image.paste(small, (round(x - small.width / 2), round(y - small.height / 2)), small)
    image = image.filter(ImageFilter.GaussianBlur(0.6))
    return image.point(lambda level: round(level * light))
