"""A verdict as a file that programs read: JSON, with a version."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from types import NoneType
from typing import Any

from benchmarks.judge.points import Point
from benchmarks.judge.verdict import Verdict
from benchmarks.plan.cell import PROTOCOL
from benchmarks.results.columns import ROWS
from lottery.core.choices import PRUNED_AT
from lottery.core.csv_table import read_regular
from lottery.core.errors import BadInput

FORMAT, VERSION = "lottery-verdict", 1
# What a file has, and of which kind; docs/verdict.md says what they are.
FIELDS: Mapping[str, type] = {
    "format": str,
    "version": int,
    "comparison": str,
    "fingerprint": str,
    "preset": str,
    "protocol": int,
    "method": dict,
    "seeds": list,
    "rank": dict,
    "over_densities": list,
    "by_density": list,
    "points": list,
    "sanity": list,
    "missing": list,
    "made_with": dict,
}
METHOD: Mapping[str, type] = {"name": str, "pruned_at": str, "source": str, "checked": bool}


POINT_TEXTS = "method objective options pruned_at source model dataset".split()
POINT_NUMBERS = "density seeds accuracy search_epochs train_epochs epochs seconds protocol".split()


class NoVerdict(BadInput):
    """A file of another kind."""


def content(verdict: Verdict) -> dict[str, Any]:
    """What the file says, by name: numbers to nine digits, so that other libraries agree."""
    found = {
        "format": FORMAT,
        "version": VERSION,
        "comparison": verdict.comparison.name,
        "fingerprint": verdict.comparison.fingerprint(verdict.preset),
        "preset": verdict.preset.name,
        "protocol": PROTOCOL,
        "method": asdict(verdict.candidate),
        "seeds": verdict.seeds,
        "rank": asdict(verdict.rank) if verdict.rank else {},
        "over_densities": [asdict(difference) for difference in verdict.overall],
        "by_density": [asdict(difference) for difference in verdict.differences],
        "points": [asdict(point) for point in verdict.points],
        "sanity": [
            {"model": model, "density": density, **asdict(check)}
            for (model, density), check in verdict.checks.items()
        ],
        "missing": [cell.describe() for cell in verdict.missing],
        "made_with": {
            name: sorted({row[name] for row in verdict.rows})
            for name in ("device", "precision", "torch", "commit")
        },
    }
    said: dict[str, Any] = json.loads(json.dumps(_plain(found)))
    return said


def to_json(verdict: Verdict) -> str:
    """The text of the file."""
    return json.dumps(content(verdict), indent=1, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    match value:
        case float():
            return float(f"{value:.9g}") if math.isfinite(value) else None
        case dict():
            return {str(name): _plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
    return value


def read_verdict(path: Path) -> dict[str, Any]:
    """What a verdict's file says.

    Raises:
        NoVerdict: it is something else.
        BadInput: there is none, it is damaged, or of another version.
    """
    raw = read_regular(path)
    if raw is None:
        raise BadInput(f"there is no {path}")
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise NoVerdict(f"{path} is not JSON: {error}") from error
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise NoVerdict(f"{path} is no verdict: its format is not {FORMAT!r}")
    if said.get("version") != VERSION:
        raise BadInput(
            f"{path} is of version {said.get('version')!r}; this reads version {VERSION}"
        )
    _check_fields(path, "", said, FIELDS)
    _check_fields(path, "method.", said["method"], METHOD)
    if not ROWS.columns["method"].fits(said["method"]["name"]):
        raise BadInput(f"{path}: method.name is not {ROWS.columns['method'].what}")
    for name in ("over_densities", "by_density", "sanity"):
        if not all(isinstance(each, dict) for each in said[name]):
            raise BadInput(f"{path}: {name} is not a list of objects")
    if said["method"]["pruned_at"] not in PRUNED_AT:
        raise BadInput(f"{path}: method.pruned_at is not one of {', '.join(PRUNED_AT)}")
    return said


def _check_fields(
    path: Path, inside: str, said: Mapping[str, Any], wanted: Mapping[str, type]
) -> None:
    for name, kind in wanted.items():
        if not isinstance(said.get(name), kind):
            raise BadInput(f"{path}: {inside}{name} is not a {kind.__name__}")


def points_in(path: Path, said: Mapping[str, Any]) -> list[Point]:
    """The points of a verdict's file.

    Raises:
        BadInput: one is no point.
    """
    names = {field.name for field in fields(Point)}
    for i, point in enumerate(said["points"]):
        if not isinstance(point, dict) or point.keys() != names or not _is_point(point):
            raise BadInput(f"{path}: points.{i} is no point")
    return [_point(point) for point in said["points"]]


def _is_point(said: Mapping[str, Any]) -> bool:
    by_seed = said["by_seed"]
    return (
        all(isinstance(said[name], str) for name in ("label", *POINT_TEXTS))
        and all(type(said[name]) in (int, float) for name in POINT_NUMBERS)
        and all(type(said[name]) in (int, float, NoneType) for name in ("low", "high"))
        and all(isinstance(said[name], bool) for name in ("candidate", "on_front", "checked"))
        and isinstance(by_seed, dict)
        and all(seed.isdecimal() for seed in by_seed)
        and all(type(accuracy) in (int, float) for accuracy in by_seed.values())
    )


def _point(said: Mapping[str, Any]) -> Point:
    plain: dict[str, Any] = {k: math.nan if v is None else v for k, v in said.items()}
    plain["by_seed"] = {int(seed): value for seed, value in said["by_seed"].items()}
    return Point(**plain)
