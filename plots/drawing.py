"""From a results file to a figure beside it."""

from importlib import import_module
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from plots import style


def draw(name: str, source: Path) -> None:
    """Draw with the module `plots.<name>` the rows of the latest protocol; write PNG and PDF."""
    style.apply()
    rows = pd.read_csv(source)
    figure = import_module(f"plots.{name}").draw(rows[rows["protocol"] == rows["protocol"].max()])
    figure.tight_layout()
    save(figure, source)
    plt.close(figure)


def save(figure: Figure, source: Path) -> None:
    """Write a figure beside its CSV as PNG and PDF, each whole or not at all."""
    for suffix in (".png", ".pdf"):
        whole = source.with_suffix(suffix)
        half = whole.with_name(f".{whole.stem}.tmp{suffix}")
        figure.savefig(half)
        half.replace(whole)
