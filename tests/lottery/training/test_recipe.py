"""Recipes: the learning rate by progress, and the rewind point."""

import pytest

from benchmarks.plan.presets import get_preset
from lottery.core.errors import UnknownName
from lottery.training.recipe import Recipe


def test_the_default_is_what_made_the_papers_numbers() -> None:
    """SGD 0.1, divided by 10 after 79 and 119 of 160 epochs of 98 steps; rewind to epoch 9; four
    parts of 128 images, the loss summed and the gradient of all parameters clipped to 2."""
    recipe, per_epoch = Recipe(), 98  # 50000 images in batches of 512, and one of 336
    assert recipe.steps(per_epoch) == 160 * 98
    rates = [recipe.lr_at(step / (160 * per_epoch)) for step in range(160 * per_epoch)]
    assert rates[: 79 * 98] == [0.1] * (79 * 98)
    assert rates[79 * 98 : 119 * 98] == pytest.approx([0.01] * (40 * 98))
    assert rates[119 * 98 :] == pytest.approx([0.001] * (41 * 98))
    assert recipe.rewind_step(per_epoch) == 882
    assert (recipe.batch_size, recipe.replicas, recipe.part_size) == (512, 4, 128)
    assert recipe.gradient == "sum_clipped_all"
    assert recipe.clip_norm == 2
    assert (recipe.momentum, recipe.weight_decay) == (0.9, 1e-3)


def test_the_papers_text_is_a_recipe_too() -> None:
    """Section V-A: the rate falls at epochs 80 and 120; k = 3000 at batch 128 is 7.5 epochs."""
    recipe = Recipe(milestones=(0.5, 0.75), rewind_epochs=7.5, batch_size=125, replicas=1)
    assert recipe.rewind_step(400) == 3000
    assert recipe.lr_at(79.9 / 160) == 0.1
    assert recipe.lr_at(80 / 160) == pytest.approx(0.01)


@pytest.mark.parametrize(("batch", "replicas"), [(128, 3), (1, 2), (128, 0), (128, -1), (4, 8)])
def test_a_batch_that_does_not_fall_into_parts_is_refused(batch: int, replicas: int) -> None:
    words = f"a batch of {batch} does not fall into {replicas} equal parts"
    with pytest.raises(ValueError, match=words):
        Recipe(batch_size=batch, replicas=replicas)
    assert Recipe(batch_size=128, replicas=8).part_size == 16


def test_an_unknown_kind_of_gradient_is_refused() -> None:
    with pytest.raises(UnknownName, match="unknown gradient 'sum_clipped': did you mean"):
        Recipe(gradient="sum_clipped")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("progress", "rate"),
    [(0, 3), (0.249, 3), (0.25, 1.5), (0.499, 1.5), (0.5, 0.75), (0.9, 0.375), (0.999, 0.375)],
)
def test_every_milestone_multiplies_by_gamma(progress: float, rate: float) -> None:
    recipe = Recipe(lr=3, gamma=0.5, milestones=(0.25, 0.5, 0.9))
    assert recipe.lr_at(progress) == pytest.approx(rate)


def test_imagenet_warms_up_for_five_epochs_and_falls_three_times() -> None:
    """CTS Section V-A: 0.4, linear warm-up of 5 epochs, drops at epochs 30, 60 and 80 of 90."""
    recipe = get_preset("paper").recipe["resnet50_imagenet"]
    per_epoch = 1252  # 1281167 images in batches of 1024, the last one smaller
    rates = [recipe.lr_at(step / recipe.steps(per_epoch)) for step in range(90 * per_epoch)]
    assert rates[:3] == pytest.approx([0, 0.4 / (5 * per_epoch), 0.8 / (5 * per_epoch)])
    assert rates[5 * per_epoch // 2] == pytest.approx(0.2)
    expected = [0.4] * 25 + [0.04] * 30 + [0.004] * 20 + [0.0004] * 10
    assert rates[5 * per_epoch :: per_epoch] == pytest.approx(expected)
    assert rates[30 * per_epoch - 1] == pytest.approx(0.4)
    assert recipe.rewind_step(per_epoch) == 18 * per_epoch
    assert (recipe.batch_size, recipe.weight_decay, recipe.gradient) == (1024, 1e-4, "mean_clipped")


@pytest.mark.parametrize("warmup", [-1, 10, float("nan")])
def test_a_warm_up_outside_the_training_is_refused(warmup: float) -> None:
    with pytest.raises(ValueError, match=r"warmup_epochs .* is outside \[0, 10\)"):
        Recipe(epochs=10, warmup_epochs=warmup)


def test_no_milestones() -> None:
    assert Recipe(lr=0.2, milestones=()).lr_at(0.99) == 0.2


@pytest.mark.parametrize("rewind", [-0.1, 10, 10.5, float("nan")])
def test_a_rewind_point_outside_the_training_is_refused(rewind: float) -> None:
    with pytest.raises(ValueError, match=r"rewind_epochs .* is outside \[0, 10\)"):
        Recipe(epochs=10, rewind_epochs=rewind)
    assert Recipe(epochs=10, rewind_epochs=9.9).rewind_step(10) == 99
