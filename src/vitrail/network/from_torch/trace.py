"""From a module to its exported program, without changing the module."""

from __future__ import annotations

import copy
import dataclasses
import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from vitrail.errors import InvalidModelError, UnsupportedOpError

__all__ = ["Trace", "check_module", "check_runs", "double_copy", "trace"]


@dataclasses.dataclass(frozen=True)
class Trace:
    """The functional graph of a module on one sample, and its constants by placeholder name."""

    graph_module: torch.fx.GraphModule
    program: Any
    input_name: str
    output: torch.fx.Node
    constants: dict[str, tuple[str, Tensor]]


def check_module(module: nn.Module, example: Tensor) -> None:
    """Refuse what cannot be analysed: training mode, missing values, a bad example.

    Raises:
        InvalidModelError: says what to call.
    """
    if not isinstance(module, nn.Module):
        raise InvalidModelError(f"expected a torch.nn.Module, found {type(module).__name__}")
    if not isinstance(example, Tensor):
        raise InvalidModelError(f"example_input must be one tensor or array, found {type(example).__name__}")
    if example.ndim == 0 or example.shape[0] == 0 or example.numel() == 0:
        raise InvalidModelError(
            "example_input needs a batch dimension in front with at least one sample, found shape "
            f"{tuple(example.shape)}"
        )
    switching = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd, nn.RReLU)
    for name, part in module.named_modules():
        if isinstance(part, switching) and part.training:
            raise InvalidModelError(
                f"'{name}' ({type(part).__name__}) is in training mode; call model.eval() before the import "
                "(Vitrail does not switch it for you)"
            )
        if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.running_mean is None:
            raise InvalidModelError(
                f"'{name}' ({type(part).__name__}) has no running statistics; train it with track_running_stats=True"
            )
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if isinstance(tensor, UninitializedParameter | UninitializedBuffer):
            raise InvalidModelError(f"'{name}' is not initialised; run the lazy module once: model(example_input)")
        if tensor.is_meta:
            raise InvalidModelError(f"'{name}' is on the meta device and has no values; load the weights first")


def trace(module: nn.Module, example: Tensor) -> Trace:
    """Export the module on the first sample of the example; in-place operations become functional ones.

    Raises:
        InvalidModelError: the module does not take a batch of one sample, or not one tensor in and one out.
        UnsupportedOpError: the module's control flow depends on its data, or it changes its own state.
    """
    sample = example[:1].detach().clone()
    check_runs(module, sample)
    program = _export(module, sample)
    graph_module = program.graph_module
    signature = program.graph_signature
    kinds = {spec.kind.name for spec in signature.output_specs}
    if kinds != {"USER_OUTPUT"}:
        raise UnsupportedOpError(
            f"the module changes its own state when it runs ({', '.join(sorted(kinds - {'USER_OUTPUT'}))}); "
            "only pure functions of the input are supported"
        )
    outputs = signature.user_outputs
    if len(outputs) != 1 or not isinstance(outputs[0], str):
        names = ", ".join(str(name) for name in outputs)
        raise InvalidModelError(
            f"the module must return one tensor, found {len(outputs)} outputs ({names[:80]}); "
            "wrap it in a module that returns the one you want"
        )
    stored = {**program.state_dict, **program.constants}
    constants = {}
    for spec in signature.input_specs:
        if spec.kind.name in ("PARAMETER", "BUFFER", "CONSTANT_TENSOR"):
            constants[spec.arg.name] = (spec.target, stored[spec.target])
        elif spec.kind.name != "USER_INPUT":
            raise UnsupportedOpError(f"the module uses a constant of kind {spec.kind.name}: {spec.target}")
    (input_name,) = signature.user_inputs
    output = next(node for node in graph_module.graph.nodes if node.name == outputs[0])
    return Trace(graph_module, program, input_name, output, constants)


def check_runs(module: nn.Module, sample: Tensor) -> None:
    """Run the module once on one sample, to say clearly when it does not take a batch.

    Raises:
        InvalidModelError: the module raised, or does not return one tensor with the batch in front.
    """
    state = torch.random.get_rng_state()
    try:
        with torch.no_grad():
            result = module(sample.clone())
    except Exception as error:
        first = (str(error).splitlines() or [type(error).__name__])[0][:90]
        raise InvalidModelError(
            f"the module fails on one sample of shape {tuple(sample.shape)}: {first}\n"
            "example_input needs a batch dimension of its own: pass x[None] for a single point x, and make sure the "
            "module works for any batch size."
        ) from error
    finally:
        torch.random.set_rng_state(state)
    if isinstance(result, Tensor) and (result.ndim == 0 or result.shape[0] != 1):
        raise InvalidModelError(
            f"the output has shape {tuple(result.shape)} for a batch of one sample of shape {tuple(sample.shape)}; "
            "the module must keep the batch dimension in front\n"
            "squeeze() without a dimension drops a batch of one: write flatten(1) or squeeze(dim)."
        )


def _export(module: nn.Module, sample: Tensor) -> Any:
    # imported here: torch.export takes a second to load
    import torch.export

    state = torch.random.get_rng_state()
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.export.export(module, (sample,), strict=False)
            mutable = any(
                isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable
                for node in program.graph.nodes
            )
            return program.run_decompositions({}) if mutable else program
    except Exception as error:
        first = (str(error).splitlines() or [type(error).__name__])[0][:110]
        raise UnsupportedOpError(
            f"the module cannot be traced: {type(error).__name__}: {first}\n"
            "Usual causes: control flow that depends on the values of tensors, or code that leaves torch."
        ) from error
    finally:
        torch.random.set_rng_state(state)


def double_copy(module: nn.Module) -> nn.Module | None:
    """A float64 copy of the module, exact; None where it cannot be copied."""
    try:
        copied = copy.deepcopy(module).to(device="cpu", dtype=torch.float64)
    except Exception:  # a module may refuse to be copied in any way it likes
        return None
    for parameter in copied.parameters():
        parameter.requires_grad_(False)
    return copied
