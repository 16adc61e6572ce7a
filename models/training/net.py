"""The network: six convolutions, batch normalisation folded away after training."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

DROPOUT = 0.2


@dataclass(frozen=True)
class Stage:
    """A convolution: its output channels, kernel side and stride."""

    channels: int
    kernel: int
    stride: int


STAGES = (Stage(16, 5, 2), Stage(32, 3, 2), Stage(64, 3, 2), Stage(64, 3, 1), Stage(96, 3, 2), Stage(128, 3, 1))


@dataclass(frozen=True)
class Folded:
    """A trained layer without batch normalisation: `weight` as PyTorch orders it, `bias` per output channel."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]


def new_network() -> nn.Sequential:
    """(n, 1, 64, 64) float32 grey levels, centred and divided by 64 → (n, 1) logits.

    TensorFlow's "same" padding is asymmetric where the stride is 2; padding like it here lets the export use it.
    """
    layers: list[nn.Module] = []
    before = 1
    for stage in STAGES:
        total = stage.kernel - stage.stride
        layers += [
            nn.ZeroPad2d((total // 2, total - total // 2) * 2),
            nn.Conv2d(before, stage.channels, stage.kernel, stage.stride, bias=False),
            nn.BatchNorm2d(stage.channels),
            nn.ReLU(inplace=True),
        ]
        before = stage.channels
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(DROPOUT), nn.Linear(STAGES[-1].channels, 1)]
    return nn.Sequential(*layers)


def network_input(standardised: torch.Tensor) -> torch.Tensor:
    """uint8 (n, 64, 64) as the network's (n, 1, 64, 64)."""
    return (standardised.unsqueeze(1).float() - 128) / 64


def folded(network: nn.Sequential) -> list[Folded]:
    """The convolutions with their batch normalisation folded in, then the last layer."""
    result = []
    for layer, following in pairwise(network):
        if isinstance(layer, nn.Conv2d):
            gain = following.weight / torch.sqrt(following.running_var + following.eps)
            weight = layer.weight * gain.view(-1, 1, 1, 1)
            result.append(_layer(weight, following.bias - following.running_mean * gain))
    last = network[-1]
    return [*result, _layer(last.weight, last.bias)]


def _layer(weight: torch.Tensor, bias: torch.Tensor) -> Folded:
    return Folded(weight.detach().numpy().copy(), bias.detach().numpy().copy())
