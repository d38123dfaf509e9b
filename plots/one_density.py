"""Methods at one density beside their ablations: CTS Table I."""

import seaborn as sns
from matplotlib.figure import Figure

from lottery.core.summary import removed
from plots import style
from plots.drawing import Tables, panels


def draw(tables: Tables) -> Figure:
    """One panel per paper, most accurate ticket first: mean and confidence interval over seeds."""
    labels = [style.look(name).label for name in style.method_ids(tables.rows)]
    rows = tables.rows.assign(label=labels).sort_values("paper", kind="stable")
    rows = style.one_per_seed(rows, "paper", "dataset", "label", "ablation")
    rows = style.common_seeds(rows, "paper", "dataset", "label")
    figure, found = panels(rows, ["paper", "dataset"], (5.4, 3.8))
    for ax, (paper, dataset), part in found:
        run = set(part["ablation"])
        shown = {name: look for name, look in style.ABLATION_LOOKS.items() if name in run}
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
            errorbar=style.interval,
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
            below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.15), "ncols": 2}
            sns.move_legend(ax, **below, frameon=False, title="")
        style.accuracy_axis(ax, "x")
        ax.set_ylabel("")
        densities = part["density_requested"].dropna().unique()
        at = f", {removed(densities[0])} sparsity" if len(densities) == 1 else ""
        ax.set_title(f"{str(paper).upper()}, {dataset}{at}")
    return figure
