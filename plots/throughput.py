"""Milliseconds a step by kind of work, beside plain float32 and the roofline."""

import seaborn as sns
from matplotlib.figure import Figure

from plots.drawing import Tables, panels

BARS = {
    "ms_per_step": ("the suite's engine", "#0072B2"),
    "plain_ms_per_step": ("plain eager float32, NCHW", "#BBBBBB"),
    "roofline_ms": ("roofline", "#E69F00"),
}


def draw(tables: Tables) -> Figure:
    """One panel per device, model and batch size."""
    figure, found = panels(tables.rows, ["device", "model", "batch_size"], (4.6, 3.4))
    for ax, (device, model, batch_size), part in found:
        long = part.melt("work", list(BARS), var_name="bar", value_name="ms")
        palette = {name: colour for name, (_, colour) in BARS.items()}
        sns.barplot(long, x="ms", y="work", hue="bar", palette=palette, ax=ax)
        if legend := ax.get_legend():
            for text, (label, _) in zip(legend.get_texts(), BARS.values(), strict=True):
                text.set_text(label)
            legend.set_title("")
        ax.set_xlabel("milliseconds a step")
        ax.set_ylabel("")
        ax.set_title(f"{model}, batch {batch_size}\n{device}", fontsize="small")
    return figure
