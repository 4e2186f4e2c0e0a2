"""The trained network and the digits that ship with Vitrail for the demo; `README.md` here says what they are."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitrail.errors import ModelFileError

__all__ = ["digits_network_path", "digits_samples"]


def digits_network_path() -> Path:
    """Return the path of the digit classifier, an npz file of W1, b1, ..., W3, b3: 64-24-24-10 with ReLU.

    The arrays are float32; a weight is (outputs, inputs). The input is an 8 x 8 image read row by row, pixels / 16.
    Raises ModelFileError where the installation lacks the file.

    Example:
        >>> import numpy as np
        >>> from vitrail.data import digits_network_path, digits_samples
        >>> images, labels = digits_samples()
        >>> values = images.reshape(20, 64).T / 16
        >>> with np.load(digits_network_path()) as arrays:
        ...     for layer in "123":
        ...         values = arrays["W" + layer] @ np.maximum(values, 0) + arrays["b" + layer][:, None]
        >>> values.shape, bool((values.argmax(axis=0) == labels).all())
        ((10, 20), True)
    """
    return _file("digits.npz")


def digits_samples() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return digits the network was not trained on: images (20, 8, 8) of pixels 0 to 16, and their labels (20,).

    Two digits of each class, in the order of the classes, the clearer one first. The network's input is `images / 16`.
    Raises ModelFileError where the installation lacks the file.

    Example:
        >>> from vitrail.data import digits_samples
        >>> images, labels = digits_samples()
        >>> images.shape, int(images.max()), labels.tolist()[:6]
        ((20, 8, 8), 16, [0, 0, 1, 1, 2, 2])
    """
    with np.load(_file("digits_samples.npz"), allow_pickle=False) as arrays:
        return arrays["images"], arrays["labels"]


def _file(name: str) -> Path:
    # the package is never imported from inside an archive (torch cannot be), so the path outlives the context
    with as_file(files(__name__) / name) as path:
        if not path.is_file():
            raise ModelFileError(f"expected {name} in the installed package, found none at {path}: reinstall vitrail")
        return path
