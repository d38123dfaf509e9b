"""How every figure looks: one colour, marker and line per method, readable in grey print too."""

from pathlib import Path
from typing import NamedTuple

import matplotlib
import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator


class Look(NamedTuple):
    label: str
    colour: str
    marker: str
    line: str


# Okabe and Ito's palette, which colour-blind people can tell apart; markers and lines carry the
# same difference without colour.
LOOKS = {
    "cts kl": Look("CTS-KL", "#0072B2", "o", "-"),
    "cts loss": Look("CTS-loss", "#56B4E9", "s", "--"),
    "crbg": Look("CRBG", "#009E73", "D", "-"),
    "ltr": Look("LTR", "#D55E00", "^", "--"),
    "imp": Look("IMP", "#CC79A7", "v", "--"),
    "edge_popup": Look("Edge-popup", "#E69F00", "P", ":"),
    "magnitude": Look("Magnitude", "#B8A800", "X", ":"),
    "random": Look("Random", "#767676", "d", ":"),
    "dense": Look("Dense", "#000000", "*", "-."),
}


def look(name: str) -> Look:
    """The look of a method; grey for one that the suite does not know."""
    return LOOKS.get(name, Look(name, "#444444", "p", "-."))


def method_id(method: str, objective: object) -> str:
    """The key of LOOKS for a result row: CTS is told apart by its objective."""
    return f"cts {objective}" if method == "cts" else method


def apply() -> None:
    """Set the look of all figures; draws without a display."""
    matplotlib.use("Agg")
    sns.set_theme(context="paper", style="ticks", rc={"axes.grid": True, "grid.alpha": 0.3})
    plt.rcParams.update({"figure.dpi": 150, "pdf.fonttype": 42, "savefig.bbox": "tight"})


def sparsity_axis(ax: Axes, densities: list[float]) -> None:
    """A logarithmic density axis, sparser to the right, its ticks labelled as percent removed."""
    ax.set_xscale("log")
    margin = max(1.15, (max(densities) / min(densities)) ** 0.08)
    ax.set_xlim(max(densities) * margin, min(densities) / margin)
    ax.xaxis.set_major_locator(FixedLocator(_apart(sorted(set(densities)), margin)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda density, _: f"{100 * (1 - density):.3g}%"))
    ax.set_xlabel("sparsity (weights removed; log scale of density)")


def _apart(densities: list[float], factor: float) -> list[float]:
    """Those ticks that do not run into the one before."""
    kept: list[float] = []
    for density in densities:
        if not kept or density / kept[-1] > factor:
            kept.append(density)
    return kept


def save(figure: Figure, source: Path) -> None:
    """Write a figure beside its CSV as PNG and PDF, each whole or not at all."""
    for suffix in (".png", ".pdf"):
        whole = source.with_suffix(suffix)
        half = whole.with_name(f".{whole.stem}.tmp{suffix}")
        figure.savefig(half)
        half.replace(whole)
