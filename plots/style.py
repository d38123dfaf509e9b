"""How every figure looks: one colour, marker and dash per method, in grey print too."""

from collections.abc import Mapping
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

# Okabe and Ito's palette, which colour-blind people can tell apart; markers and dashes carry the
# same difference without colour.
_BLUE, _ORANGE, _GREEN, _RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
_PURPLE, _SKY, _YELLOW, _BLACK = "#CC79A7", "#56B4E9", "#B8A800", "#000000"
_GREY = "#767676"
_SOLID = ""
METHODS: dict[str, tuple[str, str, str, Any]] = {  # label, colour, marker, dashes
    "cts kl": ("CTS-KL", _BLUE, "o", _SOLID),
    "cts loss": ("CTS-loss", _SKY, "s", (5, 1)),
    "crbg": ("CRBG", _GREEN, "D", _SOLID),
    "ltr": ("LTR", _RED, "^", (4, 2)),
    "imp": ("IMP", _PURPLE, "v", (4, 2)),
    "edge_popup": ("Edge-popup", _ORANGE, "P", (2, 1)),
    "magnitude": ("Magnitude", _YELLOW, "X", (1, 1)),
    "random": ("Random", _GREY, "d", (1, 1)),
    "dense": ("Dense", _BLACK, "*", (6, 2)),
}


def method_id(row: Mapping[str, Any]) -> str:
    """The key of METHODS for a result row: CTS is told apart by its objective."""
    return f"cts {row['objective']}" if row["method"] == "cts" else str(row["method"])


def apply() -> None:
    """Set the look of all figures; draws without a display."""
    matplotlib.use("Agg")
    sns.set_theme(context="paper", style="ticks", rc={"axes.grid": True, "grid.alpha": 0.3})
    plt.rcParams.update({"figure.dpi": 150, "pdf.fonttype": 42, "savefig.bbox": "tight"})


def sparsity_axis(ax: Axes, densities: list[float]) -> None:
    """A logarithmic density axis, sparser to the right, its ticks labelled as percent removed."""
    ax.set_xscale("log")
    ax.set_xlim(max(densities) * 1.3, min(densities) / 1.3)
    ax.xaxis.set_major_locator(FixedLocator(_apart(sorted(set(densities)))))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda d, _: f"{100 * (1 - d):.3g}%"))
    ax.set_xlabel("sparsity (weights removed, log scale of density)")


def _apart(densities: list[float], factor: float = 1.25) -> list[float]:
    """Those ticks that do not run into the one before."""
    kept: list[float] = []
    for density in densities:
        if not kept or density / kept[-1] > factor:
            kept.append(density)
    return kept
