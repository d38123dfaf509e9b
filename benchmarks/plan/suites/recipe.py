"""What each choice of the CTS authors' recipe changes: switched alone, and all together.

docs/recipe.md has the measurements, and what the paper's text says of each.
"""

from dataclasses import replace
from functools import partial
from typing import Any

from benchmarks.plan.block import Block, Line
from benchmarks.plan.cell import Cell
from benchmarks.plan.place import Place, on_grid
from benchmarks.plan.presets import Preset
from benchmarks.plan.suite import suite

DENSITY = on_grid(19)  # Table I's
# Of the search, as the text reads where the authors' code has the defaults.
SEARCH = {"noise_alone": False, "scale": 1.0, "lambda_by_part": False, "lr_drop": 0.9}


@suite
def recipe(preset: Preset) -> tuple[Block, ...]:
    """What each choice of the CTS authors' recipe changes (docs/recipe.md)."""
    place = Place("recipe", "cts", "I", preset, "resnet20", "cifar10")
    return _block(place, "cts"), _block(place, "snip")


def _block(place: Place, method: str) -> Block:
    """CTS-KL shows what the choices do to a search, SNIP what they do to a training alone."""
    name = {"cts": "CTS-KL", "snip": "SNIP"}[method]
    cell = place.cell(method, DENSITY, "rewind" if method == "cts" else "init")
    printed = place.printed(method, "98.56")
    other = {"mean_clipped": "sum_clipped_all", "sum_clipped_all": "mean_clipped"}
    switches = {
        "the preset's recipe": cell,  # the authors' code, but for what a short schedule cannot use
        "one part a batch": with_recipe(cell, replicas=1),
        f"gradient {other[cell.recipe.gradient]}": with_recipe(
            cell, gradient=other[cell.recipe.gradient]
        ),
        "1x1 shortcuts": replace(cell, model=projected(cell.model)),
    }
    if method == "cts":
        switch = partial(with_options, cell)
        switches |= {
            "rewound at 7.5 epochs, not 9": with_recipe(
                cell, rewind_epochs=cell.recipe.rewind_epochs * 7.5 / 9
            ),
            "tau under logit and noise (Eq. 8)": switch(noise_alone=False),
            "objective times 1": switch(scale=1.0),
            "lambda from the mean gradient": switch(lambda_by_part=False),
            "rate dropped at 90%": switch(lr_drop=0.9),
            "one part, Eq. 8": with_options(with_recipe(cell, replicas=1), noise_alone=False),
        }
    switches["as the text"] = as_the_text(cell)
    lines = tuple(
        Line(f"{name}, {label}", replace(cell, variant=label), printed)
        for label, cell in switches.items()
    )
    title = f"the choices behind {name} at 1.44% density"
    return Block("cts", "Table I", title, lines, drawn=True)


def with_options(cell: Cell, **options: Any) -> Cell:
    """A cell with other options of its method."""
    return replace(cell, options={**cell.options, **options})


def with_recipe(cell: Cell, **choices: Any) -> Cell:
    """A cell with other choices of its recipe."""
    return replace(cell, recipe=replace(cell.recipe, **choices))


def projected(model: str) -> str:
    """The model with projections in its shortcuts."""
    return f"{model}_1x1" if model == "resnet20" else model


def as_the_text(cell: Cell) -> Cell:
    """A cell with every choice as the paper's text reads, at the same length.

    Its batch is normalised as a whole, its loss is a mean, and k is 7.5 of 160 epochs.
    """
    length = cell.recipe.epochs
    cell = with_recipe(
        cell,
        replicas=1,
        gradient="mean_clipped",
        rewind_epochs=length * 7.5 / 160,
        milestones=(0.5, 0.75),
    )
    cell = replace(cell, model=projected(cell.model), variant="as the text")
    return with_options(cell, **SEARCH) if cell.method == "cts" else cell
