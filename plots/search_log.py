"""How searches went: objective, expected and realised density, pressure strength by epoch."""

from matplotlib.figure import Figure

from lottery.core.summary import removed
from plots import style
from plots.drawing import Tables, panels

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
    log = log.melt([c for c in log if c not in PANELS], list(PANELS), "panel", "shown")
    log = log.sort_values(["model", "dataset"], kind="stable")
    figure, found = panels(log, ["model", "dataset", "panel"], (3.4, 3), len(PANELS))
    for ax, (model, dataset, column), part in found:
        for name, searches in part.groupby(style.method_ids(part), sort=False):
            by_density = searches.groupby(searches["density_requested"].fillna(0), sort=False)
            looks = style.shades(style.look(str(name)), by_density.ngroups)
            for look, (density, group) in zip(looks, by_density, strict=True):
                wanted = f" at {removed(float(str(density)))}" if density else ""
                look = look._replace(label=look.label + wanted)
                style.mean_line(ax, group, "epoch", "shown", look, markersize=3)
        if "density" in column and (part["shown"] > 0).any():  # a short search may open no gate
            ax.set_yscale("log")
        ax.set_ylabel(PANELS[column])
        ax.set_title(f"{model}, {dataset}")
        ax.legend(fontsize="xx-small")
    return figure
