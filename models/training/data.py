"""The training data: face crops with a soft smile target, split so that no person is on two sides."""

import csv
import io
import tarfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models import face_crop

LFW_ARCHIVE = "lfw_smile_trainval64.tar"
FER_ARCHIVE = "fer_train48.npz"
CALIBRATION_PERCENT = 8
FER_TEST_PERCENT = 8
# How far a target is believed against the network's own opinion (the rest is "soft bootstrapping"): two labellers who
# agree, the crowd of FER2013 with its many wrong labels, and two labellers of whom only one saw a smile.
TRUST_AGREED = 1.0
TRUST_CROWD = 0.8
TRUST_DISPUTED = 0.7
FER_SMILE_TARGET = 0.95
FER_OTHER_TARGET = 0.04


@dataclass(frozen=True)
class Faces:
    """Crops with what is known of them; all arrays have the same first dimension.

    `gray` (n, 64, 64) uint8 before standardisation, `target` float32 0..1, `trust` float32 0..1, `agreed` bool: both
    labellers said the same, `label` a word for the group in reports.
    """

    gray: NDArray[np.uint8]
    target: NDArray[np.float32]
    trust: NDArray[np.float32]
    agreed: NDArray[np.bool_]
    label: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.target)

    @property
    def smiles(self) -> NDArray[np.bool_]:
        """What a test counts as a smile: either labeller saw one."""
        return self.target > 0.5

    @property
    def opinion(self) -> NDArray[np.float32]:
        """What calibration aims at: the label where all agree, the soft target where they do not."""
        return np.where(self.agreed, self.smiles, self.target).astype(np.float32)

    def where(self, chosen: NDArray[np.bool_]) -> Self:
        """The faces for which `chosen` (n,) is true."""
        return replace(
            self,
            gray=self.gray[chosen],
            target=self.target[chosen],
            trust=self.trust[chosen],
            agreed=self.agreed[chosen],
            label=self.label[chosen],
        )

    @classmethod
    def joined(cls, *faces: "Faces") -> Self:
        """All of `faces` in this order."""
        names = ("gray", "target", "trust", "agreed", "label")
        return cls(*(np.concatenate([getattr(one, name) for one in faces]) for name in names))


@dataclass(frozen=True)
class Split:
    """Disjoint sets: two for fitting, calibration, and two tests that neither fitting nor calibration sees."""

    lfw_train: Faces
    fer_train: Faces
    calibration: Faces
    lfw_test: Faces
    fer_test: Faces


def load(folder: Path) -> Split:
    """The split of both collections in `folder`; the same on every machine.

    Raises FileNotFoundError where an archive is missing.
    """
    lfw, people, held_out = labelled_faces(folder / LFW_ARCHIVE)
    fer, pictures = _fer(folder / FER_ARCHIVE)
    lfw_calibration = ~held_out & (people < CALIBRATION_PERCENT)
    fer_test = pictures < FER_TEST_PERCENT
    fer_calibration = ~fer_test & (pictures < FER_TEST_PERCENT + CALIBRATION_PERCENT)
    return Split(
        lfw_train=lfw.where(~held_out & ~lfw_calibration),
        fer_train=fer.where(~fer_test & ~fer_calibration),
        calibration=Faces.joined(lfw.where(lfw_calibration), fer.where(fer_calibration)),
        lfw_test=lfw.where(held_out),
        fer_test=fer.where(fer_test),
    )


def _percentile(key: bytes) -> int:
    """A number 0..99 that depends on `key` alone, so that one person or picture always falls on one side."""
    return zlib.crc32(key) % 100


def labelled_faces(archive: Path) -> tuple[Faces, NDArray[np.int_], NDArray[np.bool_]]:
    """Crops of Labeled Faces in the Wild, each person's percentile, and whether the collection holds the person out."""
    with tarfile.open(archive) as tar:
        members = {Path(member.name).name: member for member in tar if member.isfile()}

        def read(name: str) -> bytes:
            file = tar.extractfile(members[name])
            if file is None:
                raise FileNotFoundError(f"{archive}: {name} is no regular file; take the archive anew")
            return file.read()

        rows = list(csv.DictReader(io.StringIO(read("labels.csv").decode())))
        gray = np.stack([np.asarray(Image.open(io.BytesIO(read(row["file"]))).convert("L")) for row in rows])
    target = np.array([row["soft_target"] for row in rows], dtype=np.float32)
    agreed = np.isin(target, (0.0, 1.0))
    teeth = np.array([row["smiles_label"] for row in rows])
    emotion = np.array([row["mux_emotion"] for row in rows])
    groups = {"1": "teeth seen, ", "0": "no teeth seen, ", "-1": "teeth not judged, "}
    faces = Faces(
        gray=gray,
        target=target,
        trust=np.where(agreed, TRUST_AGREED, TRUST_DISPUTED).astype(np.float32),
        agreed=agreed,
        label=np.array([groups[t] + e for t, e in zip(teeth, emotion, strict=True)]),
    )
    people = np.array([_percentile(row["identity"].encode()) for row in rows])
    return faces, people, np.array([row["split"] == "val" for row in rows])


def _fer(archive: Path) -> tuple[Faces, NDArray[np.int_]]:
    """FER2013 crops and the percentile of each picture; copies of a picture share theirs."""
    with np.load(archive) as stored:
        small, emotion = stored["X"], stored["emotion"]
    gray = np.rint(face_crop.resize(small)).astype(np.uint8)
    happy = emotion == "happy"
    faces = Faces(
        gray=gray,
        target=np.where(happy, FER_SMILE_TARGET, FER_OTHER_TARGET).astype(np.float32),
        trust=np.full(len(happy), TRUST_CROWD, dtype=np.float32),
        agreed=np.ones(len(happy), dtype=np.bool_),
        label=emotion,
    )
    # The collection has no names, but holds many pictures twice: a rough brightness gradient finds the copies.
    rough = face_crop.resize(small, side=9)
    gradient = rough[:, :, 1:] > rough[:, :, :-1]
    pictures = np.array([_percentile(np.packbits(one).tobytes()) for one in gradient])
    return faces, pictures
