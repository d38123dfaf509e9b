"""Recipes: the learning rate by progress, and the rewind point."""

import pytest

from lottery.training.recipe import Recipe


def test_the_default_is_the_papers() -> None:
    """CTS Section V-A: SGD 0.1, x0.1 at epochs 80 and 120 of 160, rewind at 7.5."""
    recipe, per_epoch = Recipe(), 97  # 50000 images in batches of 512
    assert recipe.steps(per_epoch) == 160 * 97
    rates = [recipe.lr_at(step / (160 * per_epoch)) for step in range(160 * per_epoch)]
    assert rates[: 80 * 97] == [0.1] * (80 * 97)
    assert rates[80 * 97 : 120 * 97] == pytest.approx([0.01] * (40 * 97))
    assert rates[120 * 97 :] == pytest.approx([0.001] * (40 * 97))
    assert recipe.rewind_step(per_epoch) == 728  # round(727.5), half to even
    assert Recipe(batch_size=125).rewind_step(400) == 3000  # the paper's k


@pytest.mark.parametrize(
    ("progress", "rate"),
    [(0, 3), (0.249, 3), (0.25, 1.5), (0.499, 1.5), (0.5, 0.75), (0.9, 0.375), (0.999, 0.375)],
)
def test_every_milestone_multiplies_by_gamma(progress: float, rate: float) -> None:
    recipe = Recipe(lr=3, gamma=0.5, milestones=(0.25, 0.5, 0.9))
    assert recipe.lr_at(progress) == pytest.approx(rate)


def test_no_milestones() -> None:
    assert Recipe(lr=0.2, milestones=()).lr_at(0.99) == 0.2


@pytest.mark.parametrize("rewind", [-0.1, 10, 10.5, float("nan")])
def test_a_rewind_point_outside_the_training_is_refused(rewind: float) -> None:
    with pytest.raises(ValueError, match=r"rewind_epochs .* is outside \[0, 10\)"):
        Recipe(epochs=10, rewind_epochs=rewind)
    assert Recipe(epochs=10, rewind_epochs=9.9).rewind_step(10) == 99
