"""Random views of a face crop: pose, light, lens, distance and things in front, as a counter's camera has them."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own name for it

ROLL_DEGREES = 30.0
SHIFT = 0.08  # of the crop's side
ZOOM = (0.82, 1.22)
SMALLEST_FACE = 20  # pixels
PART_OF_BATCH = 0.25  # that gets a blur, an occlusion, a coarse resolution

Change = Callable[[torch.Tensor, torch.Generator], torch.Tensor]


def augmented(gray: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """`gray` (n, 64, 64) uint8 as float32 grey levels 0..255 of the same shape, each crop changed at random."""
    pixels = _moved(gray.float().unsqueeze(1), random)
    pixels = _some(pixels, _coarse, random)
    pixels = _some(pixels, _blurred, random)
    pixels = _some(pixels, _occluded, random)
    return _lit(pixels, random).squeeze(1)


def _uniform(shape: tuple[int, ...], low: float, high: float, random: torch.Generator) -> torch.Tensor:
    return torch.rand(shape, generator=random) * (high - low) + low


def _some(pixels: torch.Tensor, change: Change, random: torch.Generator) -> torch.Tensor:
    """`pixels` of which a random contiguous part has gone through `change`; a batch is shuffled anyway."""
    count = int(len(pixels) * PART_OF_BATCH)
    first = int(torch.randint(0, len(pixels) - count + 1, (1,), generator=random))
    part = slice(first, first + count)
    pixels[part] = change(pixels[part], random)
    return pixels


def _moved(pixels: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Flip, roll, zoom, shift in one resampling."""
    n = len(pixels)
    roll = (torch.randn(n, generator=random) * 12.0).clamp(-ROLL_DEGREES, ROLL_DEGREES) * (math.pi / 180)
    zoom = 1 / _uniform((n,), *ZOOM, random)
    stretch = _uniform((n,), 0.93, 1.07, random)
    flip = torch.where(torch.rand(n, generator=random) < 0.5, -1.0, 1.0)
    shift = _uniform((2, n), -2 * SHIFT, 2 * SHIFT, random)  # the grid runs from -1 to 1
    cos, sin = torch.cos(roll) * zoom, torch.sin(roll) * zoom
    affine = torch.stack(
        [torch.stack([cos * flip * stretch, -sin, shift[0]], 1), torch.stack([sin * flip * stretch, cos, shift[1]], 1)],
        1,
    )
    grid = F.affine_grid(affine, list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)


def _coarse(pixels: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """As a face far away: down to a random size and up again."""
    side = int(torch.randint(SMALLEST_FACE, 44, (1,), generator=random))
    small = F.interpolate(pixels, size=(side, side), mode="bilinear", antialias=True)
    return F.interpolate(small, size=pixels.shape[-2:], mode="bilinear")


def _blurred(pixels: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    sigma = float(_uniform((1,), 0.5, 1.8, random))
    taps = torch.exp(-0.5 * (torch.arange(-3, 4) / sigma) ** 2)
    taps /= taps.sum()
    padded = F.pad(pixels, (3, 3, 3, 3), mode="replicate")
    return F.conv2d(F.conv2d(padded, taps.view(1, 1, 1, 7)), taps.view(1, 1, 7, 1))


def _occluded(pixels: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """A flat rectangle somewhere, up to two fifths of the side: a hand, a microphone, a cup."""
    side = pixels.shape[-1]
    height, width = (_uniform((2,), 0.1, 0.4, random) * side).int().tolist()
    top, left = (torch.rand(2, generator=random) * side).int().tolist()
    pixels = pixels.clone()
    pixels[:, :, top : top + height, left : left + width] = float(_uniform((1,), 0, 255, random))
    return pixels


def _lit(pixels: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Gamma, a lamp from one side, darkness to 0.3, sensor noise, and the camera's rounding to whole levels."""
    n = len(pixels)
    shape = (n, 1, 1, 1)
    gamma = torch.exp(_uniform(shape, -0.5, 0.5, random))
    pixels = (pixels.clamp(0, 255) / 255) ** gamma
    ramp = torch.linspace(-1, 1, pixels.shape[-1])
    side_light = _uniform(shape, -0.35, 0.35, random) * ramp.view(1, 1, 1, -1)
    top_light = _uniform(shape, -0.25, 0.25, random) * ramp.view(1, 1, -1, 1)
    exposure = torch.where(torch.rand(shape, generator=random) < 0.3, _uniform(shape, 0.3, 0.8, random), 1.0)
    pixels = pixels * (1 + side_light + top_light) * exposure * 255
    noise = _uniform(shape, 0, 6, random) * torch.randn(pixels.shape, generator=random)
    return (pixels + noise).round().clamp(0, 255)
