"""Figures are drawn from CSV files alone."""

import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from plots import sanity_checks, sparsity_accuracy, style

COLUMNS = ["paper", "dataset", "model", "method", "objective", "ablation", "protocol", "seed"]
MORE = ["density_requested", "density", "accuracy", "options"]


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
        )
        for seed in (0, 1, 2)
        for density, accuracy in ((0.018, 90.0 + seed), (0.003, 60.0 + 5 * seed))
    ]
    rows += [("cts", "digits", "resnet20", "ltr", None, "none", 1, 0, 0.018, 0.018, 92.0, None)]
    rows += [("crbg", "digits", "resnet20", "crbg", None, "none", 1, 0, None, 0.6, 97.0, None)]
    rows += [("crbg", "digits", "wide_resnet20", "crbg", None, "none", 1, 0, None, 0.5, 98.0, None)]
    rows += [("cts", "digits", "resnet20", "cts", "kl", "invert", 1, 0, 0.018, 0.018, 10.0, None)]
    frame = pd.DataFrame(rows, columns=[*COLUMNS, *MORE])
    path.parent.mkdir(parents=True)
    frame.to_csv(path, index=False)
    return path


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
    legend = ax.get_legend()
    assert legend is not None
    assert [t.get_text() for t in legend.get_texts()] == ["CTS-KL", "LTR"]
    plt.close(figure)


def test_png_and_pdf_are_written_and_drawn_again_only_when_older(tmp_path: Path) -> None:
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
    assert pdf.stat().st_mtime_ns > drawn


def test_no_results_yet(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "plots", "table2", f"--results={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == f"error: there is no {tmp_path}/demo/table2.csv; run the suite first\n"


def test_a_suite_without_a_figure(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "plots", "table9", f"--results={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: no figure for 'table9': table2, ")


def test_sanity_checks_have_a_panel_per_method_and_a_line_per_ablation() -> None:
    rows = [
        ("cts", "digits", "resnet20", method, None, ablation, 1, seed, d, d, 50.0 + seed, None, at)
        for method, at in (("snip", "init"), ("ltr", "rewind"))
        for ablation in ("none", "shuffle_layerwise", "invert")
        for seed in (0, 1)
        for d in (0.1, 0.01)
    ]
    style.apply()
    frame = pd.DataFrame(rows, columns=[*COLUMNS, *MORE, "pruned_at"])
    figure = sanity_checks.draw(frame)
    titles = [ax.get_title() for ax in figure.axes if ax.get_visible()]
    assert titles == ["SNIP, drawn at init, resnet20", "LTR, drawn at rewind, resnet20"]
    for ax in figure.axes[:2]:
        assert len(ax.lines) == 3
        assert np.asarray(ax.lines[0].get_ydata()).tolist() == pytest.approx([50.5, 50.5])
    plt.close(figure)


def test_methods_differ_without_colour() -> None:
    marks = [(each.marker, each.line) for each in style.LOOKS.values()]
    assert len(set(marks)) == len(marks)
