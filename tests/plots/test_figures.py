"""Figures are drawn from CSV files alone."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from PIL import Image

from lottery.core.summary import removed
from plots import (
    comparison,
    layerwise,
    objective_accuracy,
    objective_values,
    one_density,
    sanity_checks,
    search_log,
    sparsity_accuracy,
    style,
)
from plots.command import figures_of, main
from plots.drawing import NothingToDraw, Tables
from plots.figures import by_suite
from plots.freshness import content_hash, drawn_from
from plots.printed import draw_points, printed

COLUMNS = ["paper", "dataset", "model", "method", "objective", "ablation", "protocol", "seed"]
MORE = ["density_requested", "density", "accuracy", "options", "table"]


def results(path: Path) -> Path:
    rows: list[tuple[object, ...]] = [
        (
            "cts",
            "digits",
            "resnet20",
            "cts",
            "kl",
            "none",
            1,
            seed,
            density,
            density,
            accuracy,
            None,
            "II",
        )
        for seed in (0, 1, 2)
        for density, accuracy in ((0.018, 90.0 + seed), (0.003, 60.0 + 5 * seed))
    ]
    rows += [
        ("cts", "digits", "resnet20", "ltr", None, "none", 1, 0, 0.018, 0.018, 92.0, None, "II")
    ]
    rows += [
        ("crbg", "digits", "resnet20", "crbg", None, "none", 1, 0, None, 0.6, 97.0, None, "II")
    ]
    rows += [
        ("crbg", "digits", "wide_resnet20", "crbg", None, "none", 1, 0, None, 0.5, 98.0, None, "II")
    ]
    rows += [
        ("cts", "digits", "resnet20", "cts", "kl", "invert", 1, 0, 0.018, 0.018, 10.0, None, "II")
    ]
    frame = pd.DataFrame(rows, columns=[*COLUMNS, *MORE])
    path.parent.mkdir(parents=True)
    frame.to_csv(path, index=False)
    return path


def test_table1_names_every_method_and_the_most_accurate_ticket_first(tmp_path: Path) -> None:
    source = results(tmp_path / "demo" / "table1.csv")
    rows = pd.read_csv(source)
    shuffled = rows[rows["method"] == "ltr"].assign(method="snip", ablation="shuffle_layerwise")
    pd.concat([shuffled, rows]).assign(search="full").to_csv(source, index=False)
    _, cts = one_density.draw(Tables(source)).axes
    assert [text.get_text() for text in cts.get_yticklabels()] == ["LTR", "CTS-KL", "SNIP"]


def test_the_line_is_the_mean_over_seeds_and_ablations_stay_out(tmp_path: Path) -> None:
    rows = pd.read_csv(results(tmp_path / "demo" / "table2.csv"))
    style.apply()
    figure, ax = plt.subplots()
    sparsity_accuracy.draw_panel(ax, rows[(rows["paper"] == "cts") & (rows["ablation"] == "none")])
    cts, ltr = ax.lines
    assert np.asarray(cts.get_xdata()).tolist() == [0.003, 0.018]
    assert np.asarray(cts.get_ydata()).tolist() == pytest.approx([65.0, 91.0])
    assert np.asarray(ltr.get_ydata()).tolist() == [92.0]
    assert len(ax.collections) == 1, "a confidence band where there are several seeds"
    left, right = ax.get_xlim()
    assert left > right, "sparser to the right"
    assert ax.get_xscale() == "log"
    figure.canvas.draw()
    assert {t.get_text() for t in ax.get_xticklabels()} == {"98.2%", "99.7%"}
    assert ax.get_legend_handles_labels()[1] == ["CTS-KL", "LTR"]
    plt.close(figure)


def test_the_band_is_students_interval_which_covers_the_mean_as_often_as_it_says() -> None:
    draws = np.random.default_rng(0).normal(5, 2, (2000, 3))
    ends = np.array([style.interval(pd.Series(values)) for values in draws])
    covered = ((ends[:, 0] < 5) & (ends[:, 1] > 5)).mean()
    assert 0.935 < covered < 0.965
    assert style.interval(pd.Series([2.0, 2.0])) == (2.0, 2.0)


def test_a_line_takes_the_last_row_of_each_seed(tmp_path: Path) -> None:
    """Those before are of settings that have changed since."""
    rows = pd.read_csv(results(tmp_path / "demo" / "table2.csv"))
    rows = rows[rows["method"] == "cts"]
    again = rows[(rows["seed"] == 0) & (rows["ablation"] == "none")].assign(accuracy=80.0)
    rows = pd.concat([rows, again])
    style.apply()
    figure, ax = plt.subplots()
    sparsity_accuracy.draw_panel(ax, rows[rows["ablation"] == "none"])
    (line,) = ax.lines
    expected = [(80.0 + 65 + 70) / 3, (80.0 + 91 + 92) / 3]
    assert np.asarray(line.get_ydata()).tolist() == pytest.approx(expected)
    plt.close(figure)


def test_fig_2_has_cts_in_it_wherever_its_cells_are_printed(tmp_path: Path) -> None:
    source = results(tmp_path / "demo" / "sparsity-accuracy.csv")
    rows = pd.read_csv(source)
    rows.loc[rows["method"] == "cts", "table"] = "Fig. 3"
    other = rows[rows["method"] == "cts"].assign(objective="feature")
    names = ["random", "snip", "grasp", "synflow", "magnitude", "imp", "gem_miner"]
    more = [rows[rows["method"] == "ltr"].assign(method=name) for name in names]
    vgg = rows[rows["method"] == "ltr"].assign(model="vgg16", density_requested=0.0003)
    pd.concat([rows, other, *more, vgg]).to_csv(source, index=False)
    style.apply()
    figure = sparsity_accuracy.draw(Tables(source))
    titles = [ax.get_title().splitlines() for ax in figure.axes if ax.get_visible()]
    families = ["searches and pruning in rounds", "scores, no search", "learned gates"]
    families.append("frozen weights, and others")
    assert [title[1] for title in titles] == [*families, families[3], families[0]]
    assert [title[0] for title in titles[3:]] == [
        *("ResNet-20, digits (1 to 3 seeds)", "Wide-ResNet-20, digits (1 seed)"),
        "VGG-16, digits (1 seed)",
    ]
    searches, scores = (ax.get_legend_handles_labels()[1] for ax in figure.axes[:2])
    assert searches == ["CTS-KL", "LTR", "Random", "IMP"]
    assert scores == ["CTS-KL", "Random", "SNIP", "GraSP", "SynFlow", "Magnitude"]
    figure.canvas.draw()
    assert figure.axes[5].get_xticklabels()[0].get_text() == "98.2%"
    assert removed(0.0003) == "99.97%"
    plt.close(figure)


def test_what_is_not_there_yet_is_not_drawn(tmp_path: Path) -> None:
    """A suite that was stopped after a cell or two leaves such files."""
    source = results(tmp_path / "demo" / "sparsity-accuracy.csv")
    rows = pd.read_csv(source)
    rows[rows["ablation"] == "invert"].to_csv(source, index=False)
    for module in (sparsity_accuracy, objective_accuracy):
        with pytest.raises(NothingToDraw, match="no rows"):
            module.draw(Tables(source))
    gap = tmp_path / "saliency-gap.csv"
    objective_rows(gap)
    rows = pd.read_csv(gap)
    rows[rows["method"] == "snip"].head(1).to_csv(gap, index=False)
    values = pd.read_csv(gap.with_name("saliency-gap-objectives.csv"))
    values[values["objective"] == "loss"].to_csv(
        gap.with_name("saliency-gap-objectives.csv"), index=False
    )
    with pytest.raises(NothingToDraw, match="no objective"):
        objective_values.draw(Tables(gap))


def test_a_ticket_that_lost_everything_has_no_place_on_the_axis() -> None:
    figure, ax = plt.subplots()
    style.sparsity_axis(ax, [0.0, 0.1])
    figure.canvas.draw()
    assert [t.get_text() for t in ax.get_xticklabels()] == ["90.0%"]
    style.sparsity_axis(ax, [0.0])
    plt.close(figure)


def test_intervals_beyond_what_an_accuracy_can_be_are_cut() -> None:
    figure, (wide, narrow) = plt.subplots(1, 2)
    wide.plot([-40, 120])
    narrow.plot([60, 70])
    for ax in (wide, narrow):
        style.accuracy_axis(ax)
    assert wide.get_ylim() == (0, 101)
    assert narrow.get_ylim() == (59.5, 70.5)
    wide.set_xlim(-40, 120)
    style.accuracy_axis(wide, "x")
    assert wide.get_xlim() == (0, 101)
    assert wide.get_xlabel() == wide.get_ylabel() == "test accuracy"
    figure.canvas.draw()
    assert [tick.get_text() for tick in narrow.get_yticklabels()][1:3] == ["60%", "62%"]
    plt.close(figure)


def test_no_axis_is_finer_than_the_test_images() -> None:
    figure, ax = plt.subplots()
    ax.plot([98.6, 99.2])
    style.accuracy_axis(ax, dataset="digits")
    low, high = ax.get_ylim()
    image = 100 / 360
    assert high - low == pytest.approx(style.LEAST_IMAGES * image)
    ticks = [tick for tick in ax.get_yticks() if low <= tick <= high]
    assert min(b - a for a, b in pairwise(ticks)) >= image
    plt.close(figure)


def test_the_papers_points_stand_at_the_measured_densities(tmp_path: Path) -> None:
    rows = pd.read_csv(results(tmp_path / "demo" / "table2.csv"))
    rows = rows[(rows["paper"] == "cts") & (rows["ablation"] == "none")]
    assert printed(rows).empty, "digits are another task"
    real = rows.assign(dataset="cifar10", density=rows["density"].replace(0.003, 0.8**26))
    found = printed(real)
    assert set(found["id"]) == {"cts kl", "ltr"}
    assert found["value_percent"][found["id"] == "ltr"].tolist() == [83.5, 68.3, 55.7]
    figure, ax = plt.subplots()
    draw_points(ax, real)
    kl, ltr, hollow = ax.lines
    assert np.asarray(kl.get_xdata()).tolist() == pytest.approx([0.018, 0.007, 0.8**26])
    assert np.asarray(ltr.get_ydata()).tolist() == [83.5, 68.3, 55.7]
    assert hollow.get_label() == "as printed (hollow)"
    plt.close(figure)


def test_titles_say_names_as_people_write_them_and_how_many_seeds() -> None:
    assert style.title_of("resnet20", "cifar10") == "ResNet-20, CIFAR-10"
    assert style.title_of("lenet-300-100", "mnist") == "LeNet-300-100, MNIST"
    assert style.title_of("resnet50_224", "mine") == "ResNet-50 at 224x224, mine"
    rows = pd.DataFrame({"method": ["a", "a", "b"], "seed": [0, 1, 0]})
    assert style.seeds_of(rows) == "2 seeds"
    assert style.seeds_of(rows, "method") == "1 to 2 seeds"
    assert style.seeds_of(rows[:1]) == "1 seed"


@pytest.mark.parametrize("suite", ["table1", "sanity-checks", "table2"])
def test_figures_are_as_wide_as_a_column_or_a_page_and_say_it_in_three_formats(
    tmp_path: Path, suite: str
) -> None:
    source = results(tmp_path / "demo" / f"{suite}.csv")
    frame = pd.read_csv(source).assign(pruned_at="init", cell_key="k")
    frame.to_csv(source, index=False)
    assert main([suite, f"--results={tmp_path}"]) == 0
    with Image.open(source.with_suffix(".png")) as image:
        assert image.width / 200 == pytest.approx(style.PAGE, abs=0.01)
    for kind in ("svg", "pdf"):
        assert content_hash(source).encode() in source.with_suffix(f".{kind}").read_bytes()
    assert drawn_from(source.with_suffix(".png")) == content_hash(source)
    source.with_suffix(".svg").unlink()
    assert drawn_from(source.with_suffix(".png")) == ""


def test_searches_of_another_length_have_a_line_of_their_own(tmp_path: Path) -> None:
    source = results(tmp_path / "demo" / "table1.csv")
    rows = pd.read_csv(source)
    rows = rows[(rows["method"] == "cts") & (rows["seed"] == 0) & (rows["ablation"] == "none")]
    rows = pd.concat([rows.head(1)] * 3)
    rows = rows.assign(search=["full", "quick", "full"], cell_key=["a", "b", "c"])
    rows["model"] = ["resnet20", "resnet20", "lenet"]
    rows.to_csv(source, index=False)
    columns = ("objective", "expected_density", "density", "strength")
    lines = [
        {"cell_key": k, "epoch": 1, **dict.fromkeys(columns, v)}
        for k, v in zip("abc", (1, 2, 3), strict=True)
    ]
    table(source, "search", lines)
    style.apply()
    figure = search_log.draw(Tables(source))
    # Of the network whose search is one epoch long nothing changes.
    assert [ax.get_title() for ax in figure.axes] == ["ResNet-20, digits (1 seed)"] * 4
    assert [ax.get_ylabel() for ax in figure.axes] == [*search_log.PANELS.values()]
    for ax in figure.axes:
        assert [np.asarray(line.get_ydata()).tolist() for line in ax.lines] == [[1], [2]]
    (legend,) = figure.legends
    assert [t.get_text() for t in legend.get_texts()] == [
        *("CTS-KL at 98.2%", "Quick CTS-KL at 98.2%")
    ]
    plt.close(figure)


def test_png_and_pdf_are_drawn_again_only_for_other_content(tmp_path: Path) -> None:
    source = results(tmp_path / "demo" / "table2.csv")

    def draw() -> int:
        command = [sys.executable, "-m", "plots", "table2", f"--results={tmp_path}"]
        return subprocess.run(command, check=True, stdout=subprocess.DEVNULL).returncode

    draw()
    png, pdf = source.with_suffix(".png"), source.with_suffix(".pdf")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert pdf.read_bytes().startswith(b"%PDF")
    assert not list(tmp_path.rglob("*.tmp*"))
    drawn = pdf.stat().st_mtime_ns
    draw()
    assert pdf.stat().st_mtime_ns == drawn
    source.touch()
    draw()
    assert pdf.stat().st_mtime_ns == drawn, "times mean nothing"
    source.write_text(source.read_text().replace("92.0", "93.0"))
    os.utime(source, ns=(0, 0))
    draw()
    assert pdf.stat().st_mtime_ns > drawn
    whole = png.read_bytes()
    png.write_bytes(whole[: len(whole) // 2])
    draw()
    assert png.read_bytes() == whole


def test_no_results_yet(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "plots", "table2", f"--results={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == f"error: there is no {tmp_path}/demo/table2.csv; run the suite first\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2,3\n4\n1,2,3,4", "table2.csv has a foreign header"),
        ("method,accuracy\nsnip,90\n", "foreign header, without the column 'protocol'"),
        ("method,protocol\nsnip\ncts,2\n", "row 1 (line 2): 1 values for 2 columns"),
        ("protocol,accuracy\n2,much\n", "row 1 (line 2), column accuracy: 'much' is not a number"),
    ],
)
def test_a_file_that_holds_no_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "table2.csv").write_text(text)
    assert main(["table2", f"--results={tmp_path}"]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_a_folder_without_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["all", f"--results={tmp_path / 'none'}"]) == 2
    assert "there are no results in" in capsys.readouterr().err


def test_a_suite_without_a_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-m", "plots", "table9", f"--results={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: no figure for 'table9': base-size, ")
    for suite in ("", "/etc"):
        assert main([suite, f"--results={tmp_path}"]) == 2
        assert capsys.readouterr().err.startswith(f"error: no figure for '{suite}': ")


def test_a_suite_that_is_not_listed_has_the_usual_figure(tmp_path: Path) -> None:
    for name in ("mine.csv", "mine-search.csv", "compared.csv", "compared/snip.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert figures_of(tmp_path / "mine.csv") == {"": "sparsity_accuracy"}
    assert figures_of(tmp_path / "table1.csv") == by_suite()["table1"]
    assert [*figures_of(tmp_path / "mine-search.csv"), *figures_of(tmp_path / "compared.csv")] == []


def test_sanity_checks_have_a_panel_per_method_and_a_line_per_ablation(tmp_path: Path) -> None:
    rows = [
        (
            "cts",
            "digits",
            "resnet20",
            method,
            None,
            ablation,
            1,
            seed,
            d,
            d,
            50.0 + seed,
            None,
            "II",
            at,
        )
        for method, at in (("snip", "init"), ("ltr", "rewind"))
        for ablation in ("none", "shuffle_layerwise", "invert")
        for seed in (0, 1)
        for d in (0.1, 0.01)
    ]
    style.apply()
    frame = pd.DataFrame(rows, columns=[*COLUMNS, *MORE, "pruned_at"])
    frame.to_csv(tmp_path / "t.csv", index=False)
    figure = sanity_checks.draw(Tables(tmp_path / "t.csv"))
    titles = [ax.get_title() for ax in figure.axes if ax.get_visible()]
    assert titles == [
        "SNIP at initialisation\nResNet-20 (2 seeds)",
        "LTR at the rewind point\nResNet-20 (2 seeds)",
    ]
    for ax in figure.axes[:2]:
        assert len(ax.lines) == 3
        assert np.asarray(ax.lines[0].get_ydata()).tolist() == pytest.approx([50.5, 50.5])
    plt.close(figure)

    # A seed that an ablation lacks plays no part: the ticket's mean would be of other weights.
    lacking = (frame["ablation"] == "invert") & (frame["seed"] == 1) & (frame["method"] == "snip")
    frame[~lacking].to_csv(tmp_path / "t.csv", index=False)
    figure = sanity_checks.draw(Tables(tmp_path / "t.csv"))
    means = [np.asarray(ax.lines[0].get_ydata()).mean() for ax in figure.axes[:2]]
    assert means == pytest.approx([50.0, 50.5])
    plt.close(figure)

    # At one density a panel's points would hide each other: each method has a line of them instead.
    frame[frame["density"] == 0.01].to_csv(tmp_path / "t.csv", index=False)
    figure = sanity_checks.draw(Tables(tmp_path / "t.csv"))
    (ax,) = figure.axes
    assert ax.get_title() == "CTS, digits, 99.0% sparsity (2 seeds)"
    assert [text.get_text() for text in ax.get_yticklabels()] == ["SNIP", "LTR"]
    names = ax.get_legend_handles_labels()[1]
    assert names == ["ticket", "shuffled", "inverted"]
    plt.close(figure)


def test_methods_differ_without_colour() -> None:
    marks = [(each.marker, each.line) for each in style.LOOKS.values()]
    assert len(set(marks)) == len(marks)


def table(path: Path, name: str, lines: list[dict[str, object]]) -> None:
    pd.DataFrame(lines).to_csv(path.with_name(f"{path.stem}-{name}.csv"), index=False)


def objective_rows(path: Path) -> None:
    """CTS drawn for two objectives, SNIP and random, at two densities, and a value of each."""
    rows: list[dict[str, object]] = []
    values: list[dict[str, object]] = []
    for method, searched in (
        ("cts", "loss"),
        ("cts", "grad_norm"),
        ("snip", None),
        ("random", None),
    ):
        for d in (0.1, 0.01):
            key = f"{method} {searched} {d}"
            rows.append(
                dict.fromkeys(COLUMNS + MORE, 1)
                | {"cell_key": key, "method": method, "objective": searched, "pruned_at": "init"}
                | {"density_requested": d, "gradient_step": "gradbalance" if searched else None}
            )
            values.append({"cell_key": key, "objective": "loss", "value": d})
            values.append({"cell_key": key, "objective": "grad_norm", "value": -1000 * d})
    pd.DataFrame(rows).to_csv(path, index=False)
    table(path, "objectives", values)


def test_objective_panels_show_those_drawn_for_the_objective_beside_the_others(
    tmp_path: Path,
) -> None:
    path = tmp_path / "objectives.csv"
    objective_rows(path)
    style.apply()
    figure = objective_values.draw(Tables(path))
    loss, norm = figure.axes
    shown = {ax: ax.get_legend_handles_labels()[1] for ax in figure.axes}
    assert not any(ax.get_legend() for ax in figure.axes)
    (legend,) = figure.legends
    assert [t.get_text() for t in legend.get_texts()] == shown[loss], "one for both"
    assert shown[loss] == ["Quick CTS, GradBalance", "SNIP", "Random"]
    assert shown[norm] == ["Quick CTS, GradBalance", "Random"], "SNIP stands for the loss"
    assert np.asarray(loss.lines[0].get_ydata()).tolist() == [0.01, 0.1]
    assert np.asarray(norm.lines[0].get_ydata()).tolist() == [10, 100], "the norm itself"
    plt.close(figure)


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([1.0, 19.0], "linear"),
        ([1.0, 21.0], "log"),
        ([0.0, 1.0, 21.0], "log"),
        ([-0.1, 1.0, 21.0], "linear"),
        ([0.0, 0.0], "linear"),
    ],
)
def test_values_of_several_magnitudes_get_a_logarithmic_axis(
    tmp_path: Path, values: list[float], scale: str
) -> None:
    path = tmp_path / "objectives.csv"
    objective_rows(path)
    table = path.with_name("objectives-objectives.csv")
    lines = pd.read_csv(table)
    loss = lines["objective"] == "loss"
    lines.loc[loss, "value"] = (values * len(lines))[: loss.sum()]
    lines.to_csv(table, index=False)
    style.apply()
    figure = objective_values.draw(Tables(path))
    assert figure.axes[0].get_yscale() == scale
    figure.canvas.draw()
    plt.close(figure)


def test_layerwise_bars_are_the_layers_shares(tmp_path: Path) -> None:
    path = results(tmp_path / "demo" / "layerwise.csv")
    rows = pd.read_csv(path)
    rows["cell_key"] = [f"k{i}" for i in range(len(rows))]
    rows.to_csv(path, index=False)
    lines: list[dict[str, object]] = [
        {"cell_key": "k0", "epoch": epoch, "layer": layer, "params": params, "kept": kept}
        for epoch, layer, params, kept in (
            (None, "a.weight", 100, 10),
            (None, "b.weight", 300, 3),
            (1, "a.weight", 100, 99),
        )
    ]
    table(path, "layers", lines)
    style.apply()
    figure = layerwise.draw(Tables(path))
    ax, bars = figure.axes
    assert np.asarray(ax.lines[0].get_ydata()).tolist() == [0.1, 0.01], "the ticket, not epoch 1"
    assert [bar.get_height() for bar in bars.containers[0]] == [0.25, 0.75]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["a", "b"]
    plt.close(figure)


def points(
    path: Path, densities: tuple[float, ...] = (0.1, 0.01), seeds: int = 3, half: float = 2.0
) -> Path:
    """What python -m benchmarks.compare writes."""
    rows = [
        (
            label,
            mine,
            method,
            "",
            "",
            "resnet20",
            "digits",
            density,
            seeds,
            *accuracy,
            cost,
            True,
            1,
        )
        for label, mine, method, a, cost in (
            ("mine", True, "mine", 95.0, 24.0),
            ("SNIP", False, "snip", 90.0, 12.0),
        )
        for accuracy in [(a, a - half, a + half)]
        for density in densities
    ]
    names = "label candidate method objective options model dataset density seeds accuracy low high"
    frame = pd.DataFrame(rows, columns=[*names.split(), "epochs", "on_front", "protocol"])
    path.parent.mkdir(parents=True)
    frame.to_csv(path, index=False)
    return path


def compared(tmp_path: Path, **more: Any) -> Figure:
    style.apply()
    return comparison.draw(Tables(points(tmp_path / "demo" / "made-up-1" / "mine.csv", **more)))


def test_a_comparison_has_accuracy_by_sparsity_and_by_cost(tmp_path: Path) -> None:
    figure = compared(tmp_path)
    top, *costs = figure.axes
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["mine", "SNIP", "Pareto front"]
    assert top.get_title() == "ResNet-20, digits: mean of 3 seeds, 95% interval"
    mine, snip = top.containers
    assert isinstance(mine, ErrorbarContainer)
    assert isinstance(snip, ErrorbarContainer)
    assert mine.has_yerr
    for ours, theirs, density in zip(
        mine[0].get_xdata(), snip[0].get_xdata(), (0.1, 0.01), strict=True
    ):
        assert theirs < density < ours, "side by side"
    assert [ax.get_title() for ax in costs] == ["90.0% removed", "99.0% removed"]
    for ax in costs:
        front, star, other = ax.lines
        assert np.asarray(front.get_ydata()).tolist() == [90.0, 95.0]
        assert np.asarray(star.get_xdata()).tolist() == [24.0]
        assert np.asarray(other.get_xdata()).tolist() == [12.0]
        assert other.get_markerfacecolor() == "none"
        assert other.get_zorder() > star.get_zorder()
    plt.close(figure)


def test_a_comparison_of_one_seed_claims_no_interval(tmp_path: Path) -> None:
    figure = compared(tmp_path, seeds=1, half=np.nan)
    top = figure.axes[0]
    assert top.get_title() == "ResNet-20, digits: one seed, so no interval"
    for drawn in top.containers:
        assert isinstance(drawn, ErrorbarContainer)
        assert not drawn.has_yerr
    plt.close(figure)


def test_a_comparison_at_one_sparsity_has_a_line_for_each_method(tmp_path: Path) -> None:
    figure = compared(tmp_path, densities=(0.1,))
    top, cost = figure.axes
    assert [label.get_text() for label in top.get_yticklabels()] == ["mine", "SNIP"]
    assert top.yaxis_inverted()
    assert top.get_xlabel() == "test accuracy"
    assert cost.get_title() == "90.0% removed"
    plt.close(figure)


def test_all_figures_at_once(tmp_path: Path) -> None:
    suite = results(tmp_path / "demo" / "table2.csv")
    mine = points(tmp_path / "demo" / "made-up-1" / "mine.csv")
    command = [sys.executable, "-m", "plots", "all", f"--results={tmp_path}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert suite.with_suffix(".png").exists()
    assert mine.with_suffix(".png").exists()
    mine.with_suffix(".png").unlink()
    one = [sys.executable, "-m", "plots", "made-up-1", f"--results={tmp_path}"]
    mine.with_suffix(".pdf").unlink()
    done = subprocess.run(one, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[0] == f"figure: {mine.with_suffix('.png')}"
    assert mine.with_suffix(".png").exists()


def test_shades_of_a_method_differ_in_line_and_lightness() -> None:
    own = style.look("cts kl")
    assert style.shades(own, 1) == [own]
    first, second, third = style.shades(own, 3)
    assert (first.colour, first.line) == (own.colour.lower(), own.line)
    assert len({each.line for each in (first, second, third)}) == 3
    lightness = [sum(to_rgb(each.colour)) for each in (first, second, third)]
    assert lightness == sorted(lightness)
