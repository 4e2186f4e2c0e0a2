"""Loading the network that a command works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import vitrail
from vitrail.cli.options import number, shape_of

if TYPE_CHECKING:
    from vitrail.cli.output import Json

__all__ = ["ModelOptions"]


@dataclass(frozen=True)
class ModelOptions:
    """The model file and the options that say how to read it."""

    path: str
    input_shape: str | None = None
    output_tensor: str | None = None
    drop_output_activation: bool = False
    activation: str | None = None
    negative_slope: str = "0.01"

    def load(self) -> vitrail.Network:
        """The network; every error of `Network.from_file`."""
        return vitrail.Network.from_file(
            self.path,
            activation=self.activation,
            negative_slope=number(self.negative_slope, "--negative-slope"),
            input_shape=shape_of(self.input_shape),
            output=self.output_tensor,
            drop_output_activation=self.drop_output_activation,
        )

    def describe(self, net: vitrail.Network) -> dict[str, Json]:
        """What identifies the network, for JSON."""
        return {
            "path": self.path,
            "source": net.source,
            "digest": net.digest,
            "input_shape": list(net.input_shape),
            "output_shape": list(net.output_shape),
            "units": net.number_of_units,
        }
