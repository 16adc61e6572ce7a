"""Measures the weights that are in git, through the code that the box runs, and writes MODEL_CARD.md."""

import time
from collections.abc import Callable
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from string import Template

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models import face_crop
from models.smile import smile_model, smile_probability
from models.training.data import Faces, load
from models.training.metrics import auc, calibration_curve, expected_calibration_error, wilson
from models.training.net import STAGES

TEMPLATE = Path(__file__).with_name("card.md")
Probability = NDArray[np.float32]
Change = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
FEWEST_OF_A_GROUP = 30


def model_card(data: Path) -> str:
    """MODEL_CARD.md for the weights of models/smile.json on the tests of the collections in `data`."""
    split = load(data)
    lfw, fer = split.lfw_test, split.fer_test
    on_lfw, on_fer = smile_probability(lfw.gray), smile_probability(fer.gray)
    agreed = lfw.where(lfw.agreed)
    groups = _groups(lfw, on_lfw, "LFW: ") + _groups(fer, on_fer, "FER2013: ")
    card = Template(TEMPLATE.read_text()).substitute(
        {**asdict(smile_model()), "slope": f"{smile_model().slope:.3f}", "offset": f"{smile_model().offset:.3f}"},
        convolutions=len(STAGES),
        parameters=_parameters(),
        milliseconds=f"{_milliseconds_a_face(lfw):.2f}",
        n_train=len(split.lfw_train) + len(split.fer_train),
        n_calibration=len(split.calibration),
        n_lfw=len(lfw),
        n_fer=len(fer),
        n_disputed=int((~lfw.agreed).sum()),
        accuracy_table=_table(
            ["test", "faces", "smiles", "accuracy", "AUC", "ECE", "false smiles", "missed smiles"],
            [
                _accuracy("held-out people, both labellers agree", agreed, on_lfw[lfw.agreed]),
                _accuracy("held-out people, all", lfw, on_lfw),
                _accuracy("FER2013, held-out pictures", fer, on_fer),
            ],
        ),
        lfw_curve=_curve(lfw, on_lfw),
        fer_curve=_curve(fer, on_fer),
        robustness_table=_robustness(agreed),
        group_table=_table(["group", "faces", "called a smile by its label", "error"], [row for _, row in groups]),
        failures=_failures(groups),
    )
    return card.rstrip() + "\n"


def _called(probability: Probability) -> NDArray[np.bool_]:
    return probability >= smile_model().threshold


def _share(part: int, whole: int) -> str:
    """A share with its interval; a dash for nothing."""
    if not whole:
        return "–"
    low, high = wilson(part, whole)
    return f"{part / whole:.3f} [{low:.3f}; {high:.3f}]"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _accuracy(name: str, faces: Faces, probability: Probability) -> list[str]:
    smiles, called = faces.smiles, _called(probability)
    return [
        name,
        str(len(faces)),
        str(int(smiles.sum())),
        _share(int((called == smiles).sum()), len(faces)),
        f"{auc(probability, smiles):.4f}",
        f"{expected_calibration_error(probability, smiles):.3f}",
        _share(int((called & ~smiles).sum()), int((~smiles).sum())),
        _share(int((~called & smiles).sum()), int(smiles.sum())),
    ]


def _curve(faces: Faces, probability: Probability) -> str:
    rows = [
        [f"{one.low:.1f}–{one.high:.1f}", str(one.count), f"{one.predicted:.3f}", f"{one.observed:.3f}"]
        for one in calibration_curve(probability, faces.smiles)
    ]
    return _table(["probability", "faces", "mean prediction", "share of smiles"], rows)


def _robustness(faces: Faces) -> str:
    changes: dict[str, Change] = {
        "none": lambda gray: gray,
        "rolled by 15°": lambda gray: _rolled(gray, 15),
        "rolled by −15°": lambda gray: _rolled(gray, -15),
        "rolled by 30°": lambda gray: _rolled(gray, 30),
        "rolled by −30°": lambda gray: _rolled(gray, -30),
        "30 pixels wide": lambda gray: _rounded(face_crop.resize(gray, 30)),
        "20 pixels wide": lambda gray: _rounded(face_crop.resize(gray, 20)),
        "darkness × 0.35": lambda gray: _rounded(gray * 0.35),
        "darkness × 0.15": lambda gray: _rounded(gray * 0.15),
        "crop 15 % too tight": lambda gray: gray[:, 5:-5, 5:-5],
        "crop 15 % too wide": lambda gray: np.pad(gray, ((0, 0), (5, 5), (5, 5)), mode="edge"),
        "crop 6 % too low": lambda gray: np.pad(gray, ((0, 0), (0, 4), (0, 0)), mode="edge")[:, 4:],
    }
    rows = []
    for name, change in changes.items():
        probability = smile_probability(change(faces.gray))
        smiles = faces.smiles
        means = [f"{probability[smiles].mean():.3f}", f"{probability[~smiles].mean():.3f}"]
        right = int((_called(probability) == smiles).sum())
        rows.append([name, _share(right, len(faces)), f"{auc(probability, smiles):.4f}", *means])
    return _table(["change", "accuracy", "AUC", "mean of smiles", "mean of others"], rows)


def _rounded(gray: NDArray[np.floating]) -> NDArray[np.uint8]:
    whole: NDArray[np.uint8] = np.rint(gray).clip(0, 255).astype(np.uint8)
    return whole


def _rolled(gray: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    """Rotated about the middle; what comes in at the corners repeats the edge, as a wider picture would fill it."""
    side, margin = gray.shape[1], gray.shape[1] // 2
    padded = np.pad(gray, ((0, 0), (margin, margin), (margin, margin)), mode="edge")
    inner = slice(margin, margin + side)
    bicubic = Image.Resampling.BICUBIC
    return np.stack([np.asarray(Image.fromarray(one).rotate(degrees, bicubic))[inner, inner] for one in padded])


def _groups(faces: Faces, probability: Probability, prefix: str) -> list[tuple[float, list[str]]]:
    """Share of errors and table row of each group: what the labellers said, and how dark the face is."""
    wrong = _called(probability) != faces.smiles
    chosen = {str(label): faces.label == label for label in np.unique(faces.label)}
    level = np.median(faces.gray[:, 20:44, 16:48], axis=(1, 2))
    limits = [0, *np.quantile(level, (0.1, 0.5, 0.9)), 256]
    names = ("darkest tenth", "next 40 % by darkness", "next 40 %, brighter", "brightest tenth")
    for name, (low, high) in zip(names, pairwise(limits), strict=True):
        chosen[f"faces, {name}"] = (level >= low) & (level < high)
    result = []
    for name, here in chosen.items():
        count = int(here.sum())
        if count >= FEWEST_OF_A_GROUP:
            smiles = f"{faces.smiles[here].mean():.2f}"
            row = [prefix + name, str(count), smiles, _share(int(wrong[here].sum()), count)]
            result.append((float(wrong[here].mean()), row))
    return result


def _failures(groups: list[tuple[float, list[str]]]) -> str:
    worst = sorted(groups, key=lambda group: -group[0])[:5]
    return "\n".join(f"- {name}: wrong on {error} of {count} faces" for _, (name, count, _, error) in worst)


def _parameters() -> int:
    channels = [1, *(stage.channels for stage in STAGES)]
    convolutions = sum(
        before * stage.channels * stage.kernel**2 + stage.channels
        for before, stage in zip(channels[:-1], STAGES, strict=True)
    )
    return convolutions + channels[-1] + 1


def _milliseconds_a_face(faces: Faces) -> float:
    times_ns = []
    for one in faces.gray[:300]:
        started_ns = time.perf_counter_ns()
        smile_probability(one[None])
        times_ns.append(time.perf_counter_ns() - started_ns)
    return float(np.median(times_ns)) / 1e6
