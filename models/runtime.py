"""LiteRT behind one class: the only file that knows the library, and loads it when a network is first wanted.

`tflite-runtime` 2.14 (CPython up to 3.11) has the same interface and gives the same answers from the same files, but
needs numpy below 2, which the rest of the box excludes.
"""

import numpy as np
from numpy.typing import NDArray


class QuantisedNetwork:
    """A network of one uint8 input and one uint8 output, computed on one thread.

    Not safe for two threads at a time. Raises ImportError where LiteRT is not installed, ValueError where `content` is
    no such network.
    """

    def __init__(self, content: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 - only a box with a camera needs the library

        self._interpreter = Interpreter(model_content=content, num_threads=1)
        self._interpreter.allocate_tensors()
        (given,) = self._interpreter.get_input_details()
        (result,) = self._interpreter.get_output_details()
        if given["dtype"] is not np.uint8 or result["dtype"] is not np.uint8:
            raise ValueError(
                f"the network takes {given['dtype'].__name__} and gives {result['dtype'].__name__}, not uint8: "
                "export it by models/train.py"
            )
        self._input, self._output = given["index"], result["index"]
        self.input_shape: tuple[int, ...] = tuple(int(side) for side in given["shape"])

    def __call__(self, one: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The output for `one` input of `input_shape`."""
        self._interpreter.set_tensor(self._input, one)
        self._interpreter.invoke()
        result: NDArray[np.uint8] = self._interpreter.get_tensor(self._output)
        return result


class FloatNetwork:
    """A network of one float32 input and two float32 outputs, the one with more values a place first; one thread.

    Not safe for two threads at a time. Raises ImportError where LiteRT is not installed, ValueError where `content` is
    no such network.
    """

    def __init__(self, content: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 - only a box with a camera needs the library

        self._interpreter = Interpreter(model_content=content, num_threads=1)
        self._interpreter.allocate_tensors()
        (given,) = self._interpreter.get_input_details()
        results = sorted(self._interpreter.get_output_details(), key=lambda one: -int(one["shape"][-1]))
        types = {one["dtype"] for one in [given, *results]}
        if len(results) != 2 or types != {np.float32}:
            raise ValueError(f"the network has {len(results)} outputs of {types}, not two of float32: fetch it anew")
        self._input, self._outputs = given["index"], [one["index"] for one in results]
        self.input_shape: tuple[int, ...] = tuple(int(side) for side in given["shape"])

    def __call__(self, one: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Both outputs for `one` input of `input_shape`."""
        self._interpreter.set_tensor(self._input, one)
        self._interpreter.invoke()
        large, small = (self._interpreter.get_tensor(index) for index in self._outputs)
        return large, small
