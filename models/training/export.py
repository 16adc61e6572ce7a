"""A trained network as an int8 LiteRT file: uint8 crops in, calibrated uint8 probability out."""

import math
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from models.face_crop import INPUT_SIDE
from models.training.net import STAGES, Folded

INPUT_SCALE, INPUT_ZERO = 1 / 64, 128
OUTPUT_SCALE, OUTPUT_ZERO = 1 / 256, 0


def to_litert(layers: list[Folded], *, slope: float, offset: float, examples: NDArray[np.uint8]) -> bytes:
    """The file's content.

    `slope` and `offset` are the calibration, folded into the last layer. `examples` (n, 64, 64) standardised crops,
    from which post-training quantisation learns each layer's range.

    Raises RuntimeError where the converter chose another quantisation of input or output than `models.smile` assumes.
    """
    converter = tf.lite.TFLiteConverter.from_keras_model(_keras(layers, slope, offset))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _inputs(examples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.uint8
    content: bytes = converter.convert()
    _check_quantisation(content)
    return content


def _keras(layers: list[Folded], slope: float, offset: float) -> tf.keras.Model:
    image = tf.keras.Input((INPUT_SIDE, INPUT_SIDE, 1), batch_size=1)
    flow, built = image, []
    for stage in STAGES:
        convolution = tf.keras.layers.Conv2D(
            stage.channels, stage.kernel, stage.stride, padding="same", activation="relu"
        )
        flow = convolution(flow)
        built.append(convolution)
    last = tf.keras.layers.Dense(1, activation="sigmoid")
    model = tf.keras.Model(image, last(tf.keras.layers.GlobalAveragePooling2D()(flow)))
    for layer, trained in zip(built, layers[:-1], strict=True):
        layer.set_weights([trained.weight.transpose(2, 3, 1, 0), trained.bias])
    last.set_weights([layers[-1].weight.T * slope, layers[-1].bias * slope + offset])
    return model


def _inputs(examples: NDArray[np.uint8]) -> Iterator[list[NDArray[np.float32]]]:
    """The examples as the float network takes them, first a crop that spans every level, so that the scale is exact."""
    ramp = np.resize(np.arange(256, dtype=np.uint8), (1, INPUT_SIDE, INPUT_SIDE))
    for crop in np.concatenate([ramp, examples]):
        yield [((crop[None, :, :, None].astype(np.float32)) - INPUT_ZERO) * INPUT_SCALE]


def _check_quantisation(content: bytes) -> None:
    interpreter = Interpreter(model_content=content)
    wanted = {
        "input": (interpreter.get_input_details(), INPUT_SCALE, INPUT_ZERO),
        "output": (interpreter.get_output_details(), OUTPUT_SCALE, OUTPUT_ZERO),
    }
    for name, (details, scale, zero) in wanted.items():
        found_scale, found_zero = details[0]["quantization"]
        if not math.isclose(found_scale, scale, rel_tol=1e-3) or found_zero != zero:
            raise RuntimeError(
                f"{name} is quantised with scale {found_scale} and zero {found_zero}, not {scale} and {zero}: "
                "another TensorFlow version than models/requirements-train.txt names?"
            )
