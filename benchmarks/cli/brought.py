"""What a command brings along and what is to stand in for the papers' models and data."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib import import_module

from benchmarks.cli.options import RunOptions
from benchmarks.plan.presets import EVERY, Preset
from benchmarks.plan.printed import printed_values
from lottery.core.errors import BadInput, check_name

Names = Mapping[str, Iterable[str]]  # of methods, models and datasets, by kind


def with_brought(options: RunOptions, preset: Preset, mentioned: Names | None = None) -> Preset:
    """A preset with what is brought along: recipes, hashes, and what stands in for what.

    A model or dataset that is brought and that nothing names stands in for all of the papers'.

    Args:
        mentioned: names that the preset itself does not have, of a comparison.

    Raises:
        BadInput: something cannot be used, or is not used.
    """
    brings = (options.plugin, options.dataset_folder, options.model, options.dataset)
    if not (any(brings) or options.preset.endswith(".toml") or mentioned):
        return preset
    plugins = import_module("benchmarks.run.plugins")  # which imports torch
    added = plugins.bring(options.brought(), options.data_root)
    names = _mentioned(preset, mentioned or {})
    stands = {}
    for kind, asked in (("model", options.model), ("dataset", options.dataset)):
        stands[kind] = _stand_ins(kind, asked, preset)
        if not asked:
            stands[kind] = _unnamed(kind, added[kind], _run(preset, names)[kind])
        names[kind] |= {*stands[kind].values(), *added[kind]}
    names["method"] |= {*added["method"]}
    chosen = stands["model"].values()
    preset = plugins.prepared(preset, names, chosen, options.data_root)
    return preset.standing_in(stands["model"], stands["dataset"])


def _mentioned(preset: Preset, more: Names) -> dict[str, set[str]]:
    """The names that may be run; those of papers' models and datasets among them."""
    panels = (preset.grid, preset.densities, preset.lambdas, preset.recipe)
    return {
        "method": {*more.get("method", ())},
        "model": {*preset.models.values(), *(name for panel in panels for name in panel)},
        "dataset": {*preset.datasets.values(), *more.get("dataset", ())},
    }


def _run(preset: Preset, mentioned: Names) -> dict[str, set[str]]:
    """The names that are run, before anything else stands in for them."""
    panels = (preset.grid, preset.densities, preset.lambdas)
    models = {preset.model_for(name) for panel in panels for name in panel}
    return {"model": models | {*preset.models.values()}, "dataset": {*mentioned["dataset"]}}


def _stand_ins(kind: str, asked: Sequence[str], preset: Preset) -> dict[str, str]:
    """What stands in for what, of NAME or PAPERS=NAME."""
    found: dict[str, str] = {}
    for text in asked:
        before, equals, after = text.rpartition("=")
        if equals:
            check_name(f"{kind} of the papers", before, sorted(_of_papers(kind, preset)))
        found[before or EVERY] = after
    return found


def _of_papers(kind: str, preset: Preset) -> set[str]:
    """Names that may have a stand-in."""
    printed = {getattr(value, kind) for value in printed_values().values()}
    own = (preset.recipe, preset.grid, preset.models) if kind == "model" else (preset.datasets,)
    return printed | {name for names in own for name in names} - {EVERY}


def _unnamed(kind: str, added: Sequence[str], named: Collection[str]) -> dict[str, str]:
    """Those that are brought, where none of them is named: the only one stands in for all."""
    if not added or set(added) & set(named):
        return {}
    if len(added) > 1:
        raise BadInput(f"{', '.join(added)} are brought along: say which is run, with --{kind}")
    return {EVERY: added[0]}
