"""CRBG's Figs. 1 to 3 and the lambda grid, from tables of a few lines."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.lines import Line2D

from plots import base_size, lambda_grid, layers, style, training
from plots.drawing import NothingToDraw, Tables


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two seeds of a CRBG cell on LeNet and one of another method, with their side tables."""
    rows = [
        ("a0", "crbg", "lenet-300-100", 0, 95.0, 0.5),
        ("a1", "crbg", "lenet-300-100", 1, 97.0, 0.6),
        ("b0", "edge_popup", "lenet-300-100", 0, 90.0, 0.5),
    ]
    names = ["cell_key", "method", "model", "seed", "accuracy", "density"]
    frame = pd.DataFrame(rows, columns=names).assign(
        dataset="mnist", objective=None, protocol=1, accuracy_soft_gates=50.0
    )
    frame.to_csv(tmp_path / "table1.csv", index=False)
    search = [
        ("a0", 1, 1.0, 0.1, 10.0, 60.0),
        ("a0", 2, 0.5, 0.1, 95.0, 97.0),
        ("a1", 1, 0.9, 0.1, 20.0, 70.0),
        ("a1", 2, 0.6, 0.1, 97.0, 98.0),
        ("b0", 1, 0.5, 0.0, None, None),
    ]
    names = ["cell_key", "epoch", "density", "strength", "accuracy", "accuracy_soft_gates"]
    pd.DataFrame(search, columns=names).to_csv(tmp_path / "table1-search.csv", index=False)
    kept = [
        (key, epoch, layer, params, params // part)
        for key, part in (("a0", 2), ("a1", 4), ("b0", 2))
        for epoch in (None, 1)
        for layer, params in (("1.weight", 100), ("3.weight", 40))
    ]
    names = ["cell_key", "epoch", "layer", "params", "kept"]
    pd.DataFrame(kept, columns=names).to_csv(tmp_path / "table1-layers.csv", index=False)
    style.apply()
    return tmp_path / "table1.csv"


def ydata(line: Line2D) -> list[float]:
    return [float(y) for y in np.asarray(line.get_ydata())]


def test_fig_1_is_the_mean_of_the_judged_searches(source: Path) -> None:
    figure = training.draw(Tables(source))
    (ax,) = figure.axes
    binary, soft = ax.lines
    assert ydata(binary) == [15.0, 96.0]
    assert ydata(soft) == [65.0, 97.5]
    pruned = ax.collections[0].get_paths()[0].vertices
    assert np.asarray(pruned)[:, 1].max() == pytest.approx(45.0), "1 - mean(0.5, 0.6)"
    assert ax.get_title() == "CRBG, LeNet-300-100, MNIST (2 seeds)"
    plt.close(figure)


def test_fig_1_needs_a_judged_search(source: Path) -> None:
    lines = pd.read_csv(source.with_name("table1-search.csv"))
    lines[lines["accuracy"].isna()].to_csv(source.with_name("table1-search.csv"), index=False)
    with pytest.raises(NothingToDraw, match="there are no rows for it yet"):
        training.draw(Tables(source))


def test_fig_2_has_a_point_per_layer_of_the_final_tickets(source: Path) -> None:
    figure = layers.draw(Tables(source))
    (ax,) = figure.axes
    crbg, edge_popup = ax.lines
    assert ydata(crbg) == pytest.approx([62.5, 62.5])
    assert ydata(edge_popup) == pytest.approx([50, 50])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["1", "3"]
    plt.close(figure)


def test_fig_3_goes_down_in_width(source: Path) -> None:
    rows = pd.read_csv(source)
    rows = rows[rows["method"] == "crbg"]
    small = rows.assign(model="lenet-60-20", accuracy=80.0)
    pd.concat([rows, small]).to_csv(source, index=False)
    figure = base_size.draw(Tables(source))
    (ax,) = figure.axes
    assert np.asarray(ax.lines[0].get_xdata()).tolist() == [20.0, 100.0]
    assert ydata(ax.lines[0]) == [80.0, 96.0]
    left, right = ax.get_xlim()
    assert (left, right) == (100, 20)
    plt.close(figure)


def test_the_lambda_grid_is_by_the_pressures_strength(source: Path) -> None:
    rows = pd.read_csv(source)
    rows[rows["method"] == "crbg"].to_csv(source, index=False)
    figure = lambda_grid.draw(Tables(source))
    accuracy, sparsity = figure.axes[0].lines[:2]
    assert np.asarray(accuracy.get_xdata()).tolist() == [0.1]
    assert ydata(accuracy) == [96.0]
    assert ydata(sparsity) == pytest.approx([45.0])
    plt.close(figure)
