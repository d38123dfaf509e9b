"""How weights start: the choices, without torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from lottery.core.errors import check_name

WEIGHTS = ("kaiming_normal", "signed_constant")
NORM_SCALES = ("uniform", "one")
BIASES = ("uniform", "zero")


@dataclass(frozen=True)
class Initialisation:
    """How convolutions, linear layers and norms start; by default as in CTS.

    Attributes:
        weights: "kaiming_normal": N(0, 2 / fan_in). "signed_constant": the sign of such a draw
            times its standard deviation (edge-popup, Ramanujan et al. 2020, Section 4.4).
        norm_scale: "uniform": BatchNorm's scale ~ U(0, 1), as CTS; "one": 1. The shift is 0.
        bias: "uniform": within +-1 / sqrt(fan_in), torch's own; "zero": none to speak of.
        kept: fraction of weights that will be kept; fan_in is multiplied by it (the "scaled"
            initialisations of edge-popup, Section 4.4). 1 leaves the draw unscaled.

    Raises:
        UnknownName: an unknown choice.
    """

    weights: str = "kaiming_normal"
    norm_scale: str = "uniform"
    bias: str = "uniform"
    kept: float = 1.0

    def __post_init__(self) -> None:
        check_name("weights", self.weights, WEIGHTS)
        check_name("norm_scale", self.norm_scale, NORM_SCALES)
        check_name("bias", self.bias, BIASES)

    def facts(self) -> dict[str, str]:
        """As texts by name, for a ticket's provenance."""
        return {name: str(value) for name, value in asdict(self).items()}

    @classmethod
    def of_facts(cls, facts: Mapping[str, str]) -> "Initialisation":
        """From such texts among others; before protocol 3 biases were zero, and not named."""
        known = {f.name: facts[f.name] for f in fields(cls) if f.name in facts}
        kept = float(known.pop("kept", "1"))
        return cls(**{"bias": "zero", **known}, kept=kept)

    def __str__(self) -> str:
        return f"{self.weights} norm_scale={self.norm_scale} bias={self.bias} kept={self.kept:g}"
