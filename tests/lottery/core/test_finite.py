"""What has diverged is said to have, and has no accuracy."""

import pytest
import torch

from lottery.core.finite import NotFinite, require_finite, require_finite_values
from lottery.core.network import Network
from lottery.data.batches import Data
from lottery.training.train import evaluate


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_network_that_has_diverged_has_no_accuracy(
    tiny: Network, digits: Data, value: float
) -> None:
    weights = tiny.weights.clone()
    weights[-1] = value
    with pytest.raises(NotFinite, match="outputs are NaN or infinite on 256 of 256 images"):
        evaluate(tiny.at(weights), digits)
    with pytest.raises(NotFinite, match="1 of 436 trained weights are NaN or infinite"):
        require_finite(trained_weights=weights, nothing=None)


def test_numbers_by_name() -> None:
    require_finite(weights=torch.ones(2))
    require_finite_values("epoch 1", {"objective": 1.0, "kept": [1], "name": "nan"})
    with pytest.raises(NotFinite, match="epoch 1: objective is nan"):
        require_finite_values("epoch 1", {"objective": float("nan")})
