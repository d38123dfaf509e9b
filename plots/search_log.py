"""How searches went: objective, expected and realised density, pressure strength by epoch."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from plots import style
from plots.drawing import Tables

PANELS = {
    "search_objective": "objective",
    "expected_density": "expected density",
    "search_density": "density of the open gates",
    "strength": "pressure strength λ",
}


def draw(tables: Tables) -> Figure:
    """One column of panels per quantity, one line per search: mean over seeds."""
    log = tables.details("search")
    log = log[log["ablation"] == "none"]
    tasks = list(log.groupby(["model", "dataset"], sort=False))
    figure, axes = plt.subplots(
        len(tasks), len(PANELS), figsize=(3.4 * len(PANELS), 3 * len(tasks)), squeeze=False
    )
    for line, ((model, dataset), task) in zip(axes, tasks, strict=True):
        for ax, (column, label) in zip(line, PANELS.items(), strict=True):
            ids = [*map(style.method_id, task["method"], task["objective"], task["options"])]
            densities = task["density_requested"].fillna(0)
            for (name, density), group in task.groupby([ids, densities], sort=False):
                look = style.look(str(name))
                wanted = f" at {100 * (1 - float(str(density))):.4g}%" if density else ""
                look = look._replace(label=look.label + wanted)
                style.mean_line(ax, group, "epoch", column, look, markersize=3)
            if "density" in column:
                ax.set_yscale("log")
            ax.set_ylabel(label)
            ax.set_title(f"{model}, {dataset}")
            ax.legend(fontsize="xx-small")
    return figure
