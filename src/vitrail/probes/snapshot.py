"""The network that a model is at this moment, without a trace left on the model or on random numbers."""

from __future__ import annotations

import contextlib
import copy
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from vitrail.errors import InvalidModelError
from vitrail.network.network import Network

__all__ = ["detached_copy", "snapshot", "unchanged_randomness"]

_HOOKS = (
    *("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"),
    *("_state_dict_hooks", "_state_dict_pre_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks"),
)
_WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)


@contextlib.contextmanager
def unchanged_randomness() -> Iterator[None]:
    """Put the generators of torch (on the CPU), numpy and Python back afterwards to where they were.

    Example:
        >>> with unchanged_randomness():
        ...     _ = torch.manual_seed(1), random.seed(1)
    """
    before = torch.random.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        yield
    finally:
        torch.random.set_rng_state(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
        random.setstate(before[2])


def detached_copy(model: nn.Module) -> nn.Module:
    """A copy of a model on the CPU in evaluation mode, without hooks and gradients; compiled ones are unwrapped.

    Raises:
        InvalidModelError: no module, or one that cannot be copied.

    Example:
        >>> model = nn.Sequential(nn.Linear(1, 1), nn.Dropout())
        >>> copied = detached_copy(model)
        >>> model.training, copied.training, copied[0].weight.requires_grad
        (True, False, False)
    """
    if not isinstance(model, nn.Module):
        raise InvalidModelError(f"model: expected a torch.nn.Module, found {type(model).__name__}")
    inner: Any = model
    while isinstance(inner, _WRAPPERS) or isinstance(getattr(inner, "_orig_mod", None), nn.Module):
        inner = inner.module if isinstance(inner, _WRAPPERS) else inner._orig_mod
    memo: dict[int, Any] = {}
    for part in inner.modules():
        memo |= _replacements(part)
    try:
        with torch.no_grad():
            copied: nn.Module = copy.deepcopy(inner, memo)
            return copied.to("cpu").requires_grad_(False).eval()
    except Exception as error:  # a module may refuse to be copied in any way it likes
        first = (str(error).splitlines() or [""])[0][:100]
        raise InvalidModelError(
            f"the model cannot be copied: {type(error).__name__}: {first}\n"
            "Usual cause: a module keeps a tensor with history in an attribute; keep tensor.detach() instead."
        ) from error


def _replacements(part: nn.Module) -> dict[int, Any]:
    """What stands in a copy for some attributes of one module, by their identity."""
    found: dict[int, Any] = {}
    for name, value in vars(part).items():
        if name in ("_trainer", "_fabric") and value is not None:
            # a module of Lightning leads to its trainer, with all data and optimizers
            found[id(value)] = None
        elif name in _HOOKS and value:
            found[id(value)] = type(value)((key, hook) for key, hook in value.items() if _computes_weights(hook))
        elif isinstance(value, torch.Tensor) and value.grad_fn is not None:
            # torch refuses to copy tensors with history: weights that a hook computes, activations that were kept
            found[id(value)] = value.detach().clone()
    return found


def _computes_weights(hook: object) -> bool:
    """Whether a hook is torch's own, of weight normalization or pruning: it makes the weights; users' hooks only look.

    Users' hooks must not run on the copy: they would see inputs that are not of the training.
    """
    owners = [getattr(hook, "__module__", ""), *(own.__module__ for own in type(hook).__mro__)]
    return any(str(owner).startswith("torch.nn.") for owner in owners)


def snapshot(model: nn.Module, example_input: object, *, drop_output_activation: bool, check: bool) -> Network:
    """The network of a model in evaluation mode; the model, its mode, buffers, gradients and hooks stay as they are.

    Raises:
        InvalidModelError, UnsupportedOpError: as `Network.from_torch`.
    """
    with unchanged_randomness():
        return Network.from_torch(
            detached_copy(model), example_input, drop_output_activation=drop_output_activation, check=check
        )
