"""Methods at one density beside their ablations: CTS Table I."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from plots import style
from plots.drawing import Tables
from plots.sanity_checks import LOOKS


def draw(tables: Tables) -> Figure:
    """One panel per paper, most accurate ticket first: mean and confidence interval over seeds."""
    rows = tables.rows.assign(label=[*map(_label, tables.rows.itertuples())])
    panels = list(rows.groupby(["paper", "dataset"]))
    figure, axes = plt.subplots(1, len(panels), figsize=(5.4 * len(panels), 3.8), squeeze=False)
    for ax, ((paper, dataset), part) in zip(axes[0], panels, strict=True):
        shown = {name: look for name, look in LOOKS.items() if name in set(part["ablation"])}
        tickets = part[part["ablation"] == "none"].groupby("label")["accuracy"].mean()
        ranked = tickets.reindex(part["label"].unique()).sort_values(ascending=False)
        sns.pointplot(
            data=part,
            x="accuracy",
            y="label",
            order=list(ranked.index),  # a method whose ticket has not been run comes last
            hue="ablation",
            hue_order=list(shown),
            palette=[look.colour for look in shown.values()],
            markers=[look.marker for look in shown.values()],
            errorbar=("ci", 95) if part["seed"].nunique() > 1 else None,
            seed=0,  # of the interval's bootstrap
            linestyle="none",
            dodge=0.5 if len(shown) > 1 else False,
            markersize=5,
            err_kws={"linewidth": 1.2},
            legend=len(shown) > 1,
            ax=ax,
        )
        if legend := ax.get_legend():
            for text, look in zip(legend.get_texts(), shown.values(), strict=True):
                text.set_text(look.label)
            legend.set_title("")
        ax.set_xlabel("test accuracy (%)")
        ax.set_ylabel("")
        ax.set_title(f"{str(paper).upper()}, {dataset}")
    return figure


def _label(row: "pd.Series[str]") -> str:
    look = style.look(style.method_id(row.method, row.objective, row.options))
    return f"Quick {look.label}" if row.search == "quick" else look.label
