"""Fits the network: AdamW under a one-cycle rate, soft targets, an exponential moving average of the weights."""

import copy
import logging
import time

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own name for it
from numpy.typing import NDArray
from torch import nn

from models import face_crop
from models.training import net
from models.training.augment import augmented
from models.training.data import Faces

_log = logging.getLogger(__name__)
BATCH = 128
PEAK_RATE = 4e-3
WEIGHT_DECAY = 0.03
EMA_DECAY = 0.998
# Before the network knows anything its own opinion is worth nothing.
BOOTSTRAP_FROM = 0.3


def fit(faces: Faces, *, epochs: int, seed: int) -> nn.Sequential:
    """The averaged network after `epochs` over `faces`, in evaluation mode. The same seed gives the same network."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    network = net.new_network().to(memory_format=torch.channels_last)
    average = copy.deepcopy(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=PEAK_RATE, weight_decay=WEIGHT_DECAY)
    per_epoch = len(faces) // BATCH
    steps = per_epoch * epochs
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_RATE, total_steps=steps, pct_start=0.2)
    gray, target, trust = (torch.from_numpy(part) for part in (faces.gray, faces.target, faces.trust))

    network.train()
    started = time.monotonic()
    for step in range(steps):
        if step % per_epoch == 0:
            order, losses = torch.randperm(len(faces), generator=random), []
        chosen = order[step % per_epoch * BATCH :][:BATCH]
        view = face_crop.standardise(augmented(gray[chosen], random).numpy())
        logits = network(net.network_input(torch.from_numpy(view))).squeeze(1)
        wanted = target[chosen]
        if step >= steps * BOOTSTRAP_FROM:
            opinion = torch.sigmoid(logits.detach())
            wanted = trust[chosen] * wanted + (1 - trust[chosen]) * opinion
        loss = F.binary_cross_entropy_with_logits(logits, wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        rate.step()
        _follow(average, network, min(EMA_DECAY, (step + 1) / (step + 10)))
        losses.append(loss.item())
        if step % per_epoch == per_epoch - 1:
            _log.info("epoch %d: loss %.4f, %.0f s", step // per_epoch + 1, np.mean(losses), time.monotonic() - started)
    return average.eval()


def logits_of(network: nn.Sequential, faces: Faces) -> NDArray[np.float32]:
    """The network's logit for each face, without augmentation."""
    ready = torch.from_numpy(standardised(faces))
    with torch.inference_mode():
        parts = [network(net.network_input(part)).squeeze(1) for part in ready.split(512)]
    logits: NDArray[np.float32] = torch.cat(parts).numpy()
    return logits


def standardised(faces: Faces) -> NDArray[np.uint8]:
    """The crops as the network sees them, without augmentation."""
    return face_crop.standardise(faces.gray.astype(np.float32))


def _follow(average: nn.Sequential, network: nn.Sequential, decay: float) -> None:
    with torch.no_grad():
        for kept, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
            if kept.is_floating_point():
                kept.lerp_(new, 1 - decay)
            else:
                kept.copy_(new)
