"""Makes models/smile-v1.tflite, models/smile.json and models/MODEL_CARD.md from the training data.

    python3.11 -m venv /tmp/train && /tmp/train/bin/pip install --requirement models/requirements-train.txt
    /tmp/train/bin/python -m models.train ../shared/data/smiles

`--card` only measures the weights that are there and writes the card anew.
"""

import argparse
import hashlib
import json
import logging
from dataclasses import asdict
from pathlib import Path

import numpy as np

from models.smile import SmileModel

FOLDER = Path(__file__).parent
DATA = FOLDER.parent.parent / "shared/data/smiles"
VERSION = "smile-v1"
SEED = 20240501
EPOCHS = 14
THRESHOLD = 0.5  # the probability is calibrated, so this makes the fewest errors
MOST_BYTES = 400_000
EXAMPLES = 400  # crops from which quantisation learns the ranges


def train(data: Path, epochs: int) -> None:
    """Fits, calibrates, quantises, and writes the weights with their smile.json."""
    # Training libraries are not on the box, and a test imports every module of the package.
    from models.training import export, fit, metrics, net  # noqa: PLC0415
    from models.training.data import Faces, load  # noqa: PLC0415

    split = load(data)
    # Labeled Faces in the Wild is cropped and labelled as the box needs it, but is the smaller collection: shown twice.
    shown = Faces.joined(split.lfw_train, split.lfw_train, split.fer_train)
    network = fit.fit(shown, epochs=epochs, seed=SEED)
    slope, offset = metrics.platt(fit.logits_of(network, split.calibration), split.calibration.opinion)
    examples = np.random.default_rng(SEED).choice(len(shown), EXAMPLES, replace=False)
    content = export.to_litert(
        net.folded(network), slope=slope, offset=offset, examples=fit.standardised(shown)[examples]
    )
    if len(content) > MOST_BYTES:
        raise RuntimeError(f"the weights have {len(content)} bytes, more than {MOST_BYTES}: take fewer channels")
    model = SmileModel(
        version=VERSION,
        weights=f"{VERSION}.tflite",
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        threshold=THRESHOLD,
        slope=slope,
        offset=offset,
    )
    (FOLDER / model.weights).write_bytes(content)
    (FOLDER / "smile.json").write_text(json.dumps(asdict(model), indent=2) + "\n")


def main() -> None:
    """The command line."""
    arguments = argparse.ArgumentParser(prog="python -m models.train", description=__doc__)
    arguments.add_argument("data", type=Path, nargs="?", default=DATA, help=f"folder of the archives, else {DATA}")
    arguments.add_argument("--epochs", type=int, default=EPOCHS)
    arguments.add_argument("--card", action="store_true", help="write MODEL_CARD.md only")
    chosen = arguments.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if not chosen.card:
        train(chosen.data, chosen.epochs)
    from models.training import card  # noqa: PLC0415

    (FOLDER / "MODEL_CARD.md").write_text(card.model_card(chosen.data))


if __name__ == "__main__":
    main()
