"""Images to train on: MNIST and Fashion-MNIST from files on this machine, and the small digits of scikit-learn."""

from __future__ import annotations

import gzip
import hashlib
import importlib
import math
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from vitrail.errors import ModelFileError, VitrailError
from vitrail.options import one_of

__all__ = ["IMAGE_SETS", "ImageData", "fashion_mnist", "load_images", "mnist", "read_idx"]

IMAGE_SETS = ("mnist", "fashion", "digits")
"""What `load_images` knows."""

_LARGEST = 2**28
"""Bytes that the numbers of one file may take; the largest of MNIST takes 47 million."""

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MOST_AXES = 8
_GZIP = b"\x1f\x8b"
_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
_SHAPES = ((60_000, 28, 28), (60_000,), (10_000, 28, 28), (10_000,))
_MNIST_NUMBERS = (
    "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
)
"""SHA-256 of the numbers in the four files of MNIST: Fashion-MNIST has files of the same names and sizes."""


@dataclass(frozen=True, eq=False)
class ImageData:
    """Gray images with their classes, for training and for testing.

    Images are uint8 (count, height, width) from 0 (background) to `white`, labels uint8 (count,) from 0 to 9.

    Example:
        >>> one, label = np.zeros((1, 2, 2), np.uint8), np.zeros(1, np.uint8)
        >>> ImageData(one, label, one, label, "blank")
        ImageData('blank', 1 + 1 images of 2 x 2)
    """

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.uint8]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.uint8]
    name: str
    white: int = 255

    def __repr__(self) -> str:
        """Name, numbers and size, in one line."""
        size = " x ".join(str(length) for length in self.train_images.shape[1:])
        return f"ImageData({self.name!r}, {len(self.train_images):,} + {len(self.test_images):,} images of {size})"

    @property
    def digest(self) -> str:
        """SHA-256 of all images and labels, as hexadecimal digits: equal for equal data, however they were stored.

        Example:
            >>> one, label = np.zeros((1, 2, 2), np.uint8), np.zeros(1, np.uint8)
            >>> ImageData(one, label, one, label, "blank").digest[:8]
            '9e805924'
        """
        total = hashlib.sha256(str(self.white).encode())
        for array in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            total.update(f"{array.dtype.str} {array.shape}".encode())
            total.update(np.ascontiguousarray(array).tobytes())
        return total.hexdigest()


def read_idx(path: str | Path) -> np.ndarray:
    """The array in an idx file, plain or gzip-compressed, of any of the format's six number types.

    The file is taken for hostile: sizes are checked against a limit before anything is allocated, and against what
    the file holds. Numbers are returned in the machine's byte order; a file of no axes or an empty one is refused.

    Raises:
        ModelFileError: the file is missing, not of that format, damaged, too large, too short, or too long.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "labels"
        ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))
        ...     read_idx(path).tolist()
        [5, 0, 4]
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise ModelFileError(f"{str(path)!r}: expected an idx file, found {_what_is_at(path)}; give another path")
        with path.open("rb") as raw:
            compressed = raw.read(2) == _GZIP
            raw.seek(0)
            if not compressed:
                return _parse(path, raw)
            with gzip.GzipFile(fileobj=raw) as file:
                return _parse(path, cast(IO[bytes], file))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ModelFileError(f"{str(path)!r}: the compressed data are damaged ({error}); get the file anew") from error
    except (OSError, ValueError) as error:
        if isinstance(error, VitrailError):
            raise
        raise ModelFileError(f"{str(path)!r} cannot be read ({error}); give another path") from error


def _what_is_at(path: Path) -> str:
    if path.is_dir():
        return "a folder"
    return "a device, pipe or socket" if path.exists() else "nothing there"


def _parse(path: Path, file: IO[bytes]) -> np.ndarray:
    name = repr(str(path))
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _TYPES or not 1 <= head[3] <= _MOST_AXES:
        raise ModelFileError(
            f"{name}: expected the start of an idx file (two zero bytes, a type, 1 to {_MOST_AXES} axes), "
            f"found {head.hex(' ') or 'no bytes'}; give an idx file, plain or .gz"
        )
    sizes = file.read(4 * head[3])
    if len(sizes) < 4 * head[3]:
        raise ModelFileError(f"{name}: the file ends inside its {head[3]} sizes; get it anew")
    shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
    kind = np.dtype(_TYPES[head[2]])
    declared = math.prod(shape) * kind.itemsize
    if declared > _LARGEST:
        raise ModelFileError(f"{name}: sizes {shape} declare {declared:,} bytes, more than the limit of {_LARGEST:,}")
    # one byte more than declared: then a longer file shows, and a compressed one of any length ends here
    content = file.read(declared + 1)
    if len(content) != declared:
        found = "more" if len(content) > declared else f"{len(content):,}"
        raise ModelFileError(f"{name}: sizes {shape} declare {declared:,} bytes, found {found}; get the file anew")
    return np.frombuffer(content, kind).reshape(shape).astype(kind.newbyteorder("="))


def mnist(folder: str | Path | None = None, *, download: bool = False) -> ImageData:
    """The handwritten digits of MNIST (LeCun, Cortes and Burges): 60,000 + 10,000 images of 28 x 28.

    The four idx files, each plain or .gz, are looked for in `folder`, or else in the folder that the environment
    variable VITRAIL_DATA names; in its sub-folder mnist, or in itself. Only where `download` is true, and the files are
    not there, they are fetched from the public mirrors with the package pooch, checked against known checksums, and
    kept in that place, or else in the cache folder of pooch.

    Raises:
        ModelFileError: the files are not found, damaged, or of other sizes.
        VitrailError: a download was asked for without pooch, or no mirror gives the files.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     mnist(folder)
        Traceback (most recent call last):
        ...
        vitrail.errors.ModelFileError: ...
    """
    return _load(_MNIST, folder, download)


def fashion_mnist(folder: str | Path | None = None, *, download: bool = False) -> ImageData:
    """The pieces of clothing of Fashion-MNIST (Xiao, Rasul and Vollgraf 2017): 60,000 + 10,000 images of 28 x 28.

    Looked for, and fetched, as `mnist` does it; the sub-folder is fashion, or fashion-mnist.

    Raises:
        ModelFileError: the files are not found, damaged, or of other sizes.
        VitrailError: a download was asked for without pooch, or no mirror gives the files.

    Example:
        >>> fashion_mnist("no-such-folder")
        Traceback (most recent call last):
        ...
        vitrail.errors.ModelFileError: ...
    """
    return _load(_FASHION, folder, download)


def load_images(name: str, folder: str | Path | None = None, *, download: bool = False) -> ImageData:
    """The images of one of `IMAGE_SETS`: "mnist", "fashion", or "digits".

    "digits" are the 1,797 digits of 8 x 8 with pixels 0 to 16 that come with scikit-learn (no file is needed); every
    fifth of them is for testing.

    Raises:
        InvalidOptionError: another name.
        ModelFileError: the files are not found, damaged, or of other sizes.
        VitrailError: a package is missing that is needed for it.

    Example:
        >>> load_images("digits")
        ImageData('digits', 1,438 + 359 images of 8 x 8)
    """
    name = one_of("data", name, IMAGE_SETS)
    if name == "digits":
        return _digits()
    return (mnist if name == "mnist" else fashion_mnist)(folder, download=download)


def _digits() -> ImageData:
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise VitrailError(
            "the images 'digits' need the package scikit-learn, which is not installed\n"
            "Install it: pip install scikit-learn; or take other images: mnist, fashion"
        ) from None
    found = load_digits()
    images, labels = found.images.astype(np.uint8), found.target.astype(np.uint8)
    test = np.arange(len(images)) % 5 == 4
    return ImageData(images[~test], labels[~test], images[test], labels[test], "digits", white=16)


@dataclass(frozen=True)
class _Source:
    """Where a set of images is found: on this machine, and on the net."""

    name: str
    folders: tuple[str, ...]
    mirrors: tuple[str, ...]
    checksums: tuple[str, ...]
    """Of the compressed files, in the order of _FILES."""


_MNIST = _Source(
    "mnist",
    ("mnist",),
    ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
    # the published ones of the original files
    (
        *("md5:f68b3c2dcbeaaa9fbdd348bbdeb94873", "md5:d53e105ee54ea40749a09fcbcd1e9432"),
        *("md5:9fb629c4189551a2d022fa330f9573f3", "md5:ec29112dd5afa0611ce80d1b7f02629c"),
    ),
)
_FASHION = _Source(
    "fashion",
    ("fashion", "fashion-mnist"),
    ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    (
        *("md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d", "md5:25c81989df183df01b3e8a0aad5dffbe"),
        *("md5:bef4ecab320f06d8554ea6380940ec79", "md5:bb300cfdad3c16e7a12a480ee83cd310"),
    ),
)


def _load(source: _Source, folder: str | Path | None, download: bool) -> ImageData:
    named = os.environ.get("VITRAIL_DATA") or None
    base = None if folder is None and named is None else Path(named or "") if folder is None else Path(folder)
    paths = None if base is None else _paths(source, base)
    if paths is None and download:
        paths = _download(source, base)
    if paths is None:
        raise ModelFileError(_advice(source, base, from_environment=folder is None))
    arrays = [read_idx(path) for path in paths]
    for path, array, shape in zip(paths, arrays, _SHAPES, strict=True):
        if array.shape != shape or array.dtype != np.uint8:
            raise ModelFileError(
                f"{str(path)!r}: expected uint8 of sizes {shape} for {source.name}, "
                f"found {array.dtype} of {array.shape}; get the file anew"
            )
    for path, array, expected in zip(paths, arrays, _MNIST_NUMBERS, strict=True):
        if (hashlib.sha256(array.tobytes()).hexdigest() == expected) is not (source.name == "mnist"):
            found = "other numbers (Fashion-MNIST has equal names)" if source.name == "mnist" else "those of MNIST"
            raise ModelFileError(f"{str(path)!r}: expected the numbers of {source.name}, found {found}; see --data")
    for path, labels in zip(paths[1::2], arrays[1::2], strict=True):
        if labels.max() > 9:
            raise ModelFileError(f"{str(path)!r}: expected labels 0 to 9, found {labels.max()}; get the file anew")
    return ImageData(arrays[0], arrays[1], arrays[2], arrays[3], source.name)


def _paths(source: _Source, base: Path) -> list[Path] | None:
    """The four files, all from one folder; None where no folder has all of them.

    The folder itself comes last, and only without its sub-folders: files of MNIST and Fashion-MNIST have equal names.
    """
    folders = [base / name for name in source.folders if (base / name).is_dir()] or [base]
    for folder in folders:
        found = []
        for name in _FILES:
            # some archives unpack to names with a point
            candidates = (name, f"{name}.gz", name.replace("-idx", ".idx"), f"{name.replace('-idx', '.idx')}.gz")
            found += [path for path in (folder / candidate for candidate in candidates) if path.is_file()][:1]
        if len(found) == len(_FILES):
            return found
    return None


def _advice(source: _Source, base: Path | None, from_environment: bool) -> str:
    if base is None:
        where = "no folder given, and the environment variable VITRAIL_DATA is not set"
    else:
        by = " (from the environment variable VITRAIL_DATA)" if from_environment else ""
        where = f"not all of them in {str(base)!r}{by} or its sub-folder {source.folders[0]}"
    return (
        f"images {source.name!r}: expected the files {', '.join(_FILES)}, each plain or .gz; found {where}\n"
        f"Get them from {source.mirrors[0]} and name their folder (--data, or VITRAIL_DATA); "
        f"or let Python fetch them: vitrail.data.mnist.load_images({source.name!r}, folder, download=True)"
    )


def _download(source: _Source, base: Path | None) -> list[Path]:
    try:
        pooch = importlib.import_module("pooch")
    except ImportError:
        raise VitrailError(
            "a download needs the package pooch, which is not installed\nInstall it: pip install 'vitrail[data]'; or "
            f"get the files {', '.join(f'{name}.gz' for name in _FILES)} from {source.mirrors[0]} yourself"
        ) from None
    target = (Path(pooch.os_cache("vitrail")) if base is None else base) / source.folders[0]
    paths = []
    for name, checksum in zip(_FILES, source.checksums, strict=True):
        failures = []
        for mirror in source.mirrors:
            address = f"{mirror}{name}.gz"
            try:
                paths.append(Path(pooch.retrieve(address, known_hash=checksum, fname=f"{name}.gz", path=target)))
                break
            except Exception as error:  # whatever the transport raises: the next mirror may do
                failures.append(f"{address}: {type(error).__name__}: {str(error)[:200]}")
        else:
            raise VitrailError(
                f"{name}.gz could not be fetched from any mirror: {'; '.join(failures)}\n"
                f"Get it in another way, put it into {str(target)!r}, and try again"
            )
    return paths
