"""Convolution in one and two dimensions."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property

from torch import Tensor
from torch.nn import functional

from vitrail.errors import InvalidModelError
from vitrail.network.ops.base import AffineOp, Shape
from vitrail.network.ops.linear import count_terms

__all__ = ["Convolution"]


@dataclasses.dataclass(frozen=True, eq=False)
class Convolution(AffineOp):
    """Cross-correlation of (*lead, channels, *spatial) with kernels (out, channels / groups, *kernel), zero padding.

    `padding` has (before, after) per spatial axis. One or two spatial axes.

    Raises:
        InvalidModelError: shapes, groups or sizes that do not fit.

    Example:
        >>> import torch
        >>> Convolution(torch.ones(4, 1, 3, 3, dtype=torch.float64), (1, 5, 5)).shape
        (4, 3, 3)
    """

    kernels: Tensor
    input_shape: Shape
    bias: Tensor | None = None
    stride: tuple[int, ...] = ()
    padding: tuple[tuple[int, int], ...] = ()
    dilation: tuple[int, ...] = ()
    groups: int = 1
    shape: Shape = dataclasses.field(init=False)
    input_shapes: tuple[Shape, ...] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        """Fill in the defaults, derive the shapes and give the bias the shape (out, 1, ...)."""
        axes = self.kernels.ndim - 2
        if axes not in (1, 2) or len(self.input_shape) < axes + 1:
            raise InvalidModelError(
                f"convolution: expected kernels of 1 or 2 spatial axes and an input (channels, *spatial), found "
                f"{tuple(self.kernels.shape)} and {self.input_shape}"
            )
        for field, default in (("stride", 1), ("padding", (0, 0)), ("dilation", 1)):
            object.__setattr__(self, field, getattr(self, field) or (default,) * axes)
        channels, spatial = self.input_shape[-axes - 1], self.input_shape[-axes:]
        out = self.kernels.shape[0]
        if self.groups < 1 or self.kernels.shape[1] * self.groups != channels or out % self.groups:
            raise InvalidModelError(
                f"convolution: kernels {tuple(self.kernels.shape)} in {self.groups} groups do not fit {channels} "
                "channels"
            )
        if self.bias is not None:
            if self.bias.numel() != out:
                raise InvalidModelError(f"convolution: expected {out} biases, found shape {tuple(self.bias.shape)}")
            object.__setattr__(self, "bias", self.bias.reshape(out, *(1,) * axes))
        if min((*self.stride, *self.dilation, self.groups)) < 1 or min(min(pair) for pair in self.padding) < 0:
            raise InvalidModelError(
                f"convolution: expected stride, dilation, groups >= 1 and padding >= 0, found {self.stride}, "
                f"{self.dilation}, {self.groups}, {self.padding}"
            )
        sizes = []
        for axis in range(axes):
            reach = self.dilation[axis] * (self.kernels.shape[2 + axis] - 1) + 1
            room = spatial[axis] + sum(self.padding[axis]) - reach
            if room < 0:
                raise InvalidModelError(f"convolution: the kernel spans {reach} entries, more than the padded input")
            sizes.append(room // self.stride[axis] + 1)
        object.__setattr__(self, "shape", (*self.input_shape[: -axes - 1], out, *sizes))
        object.__setattr__(self, "input_shapes", (self.input_shape,))

    @property
    def parameters(self) -> int:
        """Kernel entries and biases."""
        return self.kernels.numel() + (0 if self.bias is None else self.bias.numel())

    @cached_property
    def terms(self) -> int:
        """Nonzero kernel entries of the fullest output channel plus its bias."""
        return count_terms(self.kernels.flatten(1), None if self.bias is None else self.bias.reshape(-1))

    def linear(self, tensors: Sequence[Tensor]) -> Tensor:
        """Convolve: (N, *input_shape) to (N, *shape)."""
        axes = len(self.stride)
        values = tensors[0].reshape(-1, *self.input_shape[-axes - 1 :])
        if all(before == after for before, after in self.padding):
            padding = [before for before, _ in self.padding]
        else:
            values = functional.pad(values, [amount for pair in reversed(self.padding) for amount in pair])
            padding = [0] * axes
        convolve = functional.conv1d if axes == 1 else functional.conv2d
        kernels = self.kernels.to(values.device)
        result = convolve(values, kernels, None, self.stride, padding, self.dilation, self.groups)
        return result.reshape(tensors[0].shape[0], *self.shape)

    @property
    def coefficients(self) -> Tensor | None:
        """The kernels."""
        return self.kernels

    def replaced(self, coefficients: Tensor, bias: Tensor | None) -> Convolution:
        """Other kernels and bias."""
        return dataclasses.replace(self, kernels=coefficients, bias=bias)
