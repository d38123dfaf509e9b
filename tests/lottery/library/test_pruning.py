"""lottery.prune with a network and a loop that are the user's own."""

import random
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import lottery
from lottery.core.errors import BadInput, UnknownName
from tests.lottery.library.conftest import OwnNetwork, own_network, pair

Loader = DataLoader[tuple[Tensor, ...]]
SHORT = {"perturbation_epochs": 1, "rounds": 1, "fine_tuning_epochs": 1, "freeze_every": 1}
NAMES = lottery.methods.names()
JUDGED_AS_DRAWN = {
    name for name in NAMES if lottery.methods[name].strong or lottery.methods[name].own_weights
}


def draw(model: nn.Module, data: Any, name: str, **options: Any) -> lottery.Ticket:
    """A ticket by a short search, at 30% where the method takes a density."""
    method = lottery.methods[name]
    density = None if not method.sets_density else 1.0 if name == "dense" else 0.3
    short = {key: value for key, value in SHORT.items() if key in method.options}
    with warnings.catch_warnings():
        if name in JUDGED_AS_DRAWN:
            warnings.filterwarnings("ignore", f"{name} judged the ticket by the statistics")
        return lottery.prune(
            model, data, name, **{"density": density, "epochs": 1, **short, **options}
        )


def state(model: nn.Module) -> dict[str, Any]:
    """All that prune may not change."""
    return {
        **{f"tensor {k}": v.numpy().tobytes() for k, v in model.state_dict().items()},
        **{f"mode {k}": m.training for k, m in model.named_modules()},
        **{f"flag {k}": (p.requires_grad, p.grad) for k, p in model.named_parameters()},
        "torch": torch.get_rng_state().numpy().tobytes(),
        "numpy": str(np.random.get_state()),
        "python": random.getstate(),
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_method_draws_a_ticket_and_leaves_the_model_alone(
    name: str, model: OwnNetwork, loader: Loader
) -> None:
    model.norm1.eval()
    model.norm2.requires_grad_(False)
    before = state(model)
    ticket = draw(model, loader, name)
    assert state(model) == before
    assert model.norm1.track_running_stats
    if lottery.methods[name].sets_density:
        total = ticket.mask.layout.total
        slack = 3 if "edge_popup" in name else 0
        assert abs(ticket.mask.kept - round(0.3 * total)) <= slack or name == "dense"
    assert ticket.trained == lottery.methods[name].own_weights
    assert ticket.provenance["method"] == name
    assert draw(model, loader, name).mask.sha256 == ticket.mask.sha256


@pytest.mark.parametrize("name", ["cts", "ltr", "snip"])
def test_a_pair_of_tensors_or_arrays_will_do(name: str, model: OwnNetwork) -> None:
    x, y = pair()
    ticket = draw(model, (x, y), name, batch_size=16)
    assert draw(model, [x.numpy(), y.numpy()], name, batch_size=16).mask.sha256 == (
        ticket.mask.sha256
    )
    dataset = draw(model, TensorDataset(x, y), name, batch_size=16)
    assert dataset.mask.kept == ticket.mask.kept


def test_what_is_kept_depends_on_the_seed(model: OwnNetwork, loader: Loader) -> None:
    tickets = {draw(model, loader, "cts", seed=seed).mask.sha256 for seed in (0, 1)}
    assert len(tickets) == 2


def test_the_order_of_a_loader_with_a_generator_of_its_own(model: OwnNetwork) -> None:
    own = torch.Generator().manual_seed(5)
    loader: Loader = DataLoader(TensorDataset(*pair()), 16, shuffle=True, generator=own)
    before = own.get_state()
    first = draw(model, loader, "cts")
    assert torch.equal(own.get_state(), before)
    assert draw(model, loader, "cts").mask.sha256 == first.mask.sha256


def test_an_objective_of_the_users_own(model: OwnNetwork, loader: Loader) -> None:
    seen = []

    def loss(network: lottery.Network, gates: Tensor, batch: lottery.Batch) -> Tensor:
        seen.append(gates.shape)
        return F.cross_entropy(network(batch.x, gates), batch.y) * 2

    for method in ("cts", "saliency"):
        seen.clear()
        ticket = draw(model, loader, method, objective=loss)
        assert set(seen) == {(282,)}
        assert ticket.provenance["objective"] == "loss (own)"
    assert "loss (own)" not in lottery.objectives.names()


def test_a_loss_of_the_users_own(model: OwnNetwork) -> None:
    x, _ = pair()
    targets = torch.randn(len(x), 5)
    for name in ("snip", "grasp", "ltr", "cts", "sparse_vd"):
        draw(model, (x, targets), name, loss=F.mse_loss, batch_size=16)
    with pytest.raises(BadInput, match=r"a loss returns a scalar, .*; got shape \(48, 5\)"):
        draw(model, (x, targets), "snip", loss=lambda x, y: F.mse_loss(x, y, reduction="none"))


def test_the_loss_matters(model: OwnNetwork) -> None:
    plain, mine, other = (
        draw(model, pair(), "snip", loss=loss).mask.sha256
        for loss in (None, nn.CrossEntropyLoss(), nn.CrossEntropyLoss(label_smoothing=0.9))
    )
    assert plain == mine != other


def test_a_recipe_in_place_of_epochs(model: OwnNetwork) -> None:
    steps: list[tuple[str, int, int]] = []
    recipe = lottery.Recipe(epochs=4, rewind_epochs=1, batch_size=16, replicas=1)
    draw(
        model,
        pair(),
        "ltr",
        epochs=None,
        recipe=recipe,
        pruning_rate=0.5,
        progress=lambda *report: steps.append(report),
    )
    # Three batches an epoch, three epochs from the rewind point on, two levels.
    assert steps == [(f"training {n}", i, 9) for n in (1, 2) for i in range(1, 10)]
    with pytest.raises(BadInput, match="give one of the two"):
        draw(model, pair(), "ltr", recipe=recipe)


def test_searches_take_their_length_from_epochs(model: OwnNetwork, loader: Loader) -> None:
    for name in ("cts", "crbg", "edge_popup"):
        steps: list[tuple[str, int, int]] = []
        draw(model, loader, name, epochs=2, progress=lambda *report: steps.append(report))  # noqa: B023
        assert steps == [("search", i, 6) for i in range(1, 7)]


def test_progress_is_a_bar(
    model: OwnNetwork, loader: Loader, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(model, loader, "cts")
    assert not capsys.readouterr().err, "no terminal"
    draw(model, loader, "cts", progress=True)
    assert "search: 100%" in capsys.readouterr().err


def test_what_stays_dense(model: OwnNetwork, loader: Loader) -> None:
    ticket = draw(model, loader, "snip", keep_dense=["head"])
    assert ticket.mask.layout.names == ("conv1.weight", "conv2.weight")
    assert "head.weight: to be kept dense" in ticket.provenance["left dense"]


class Endless(IterableDataset[tuple[Tensor, Tensor]]):
    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        yield from zip(*pair(), strict=True)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"density": 0}, r"density 0 is outside \(0, 1\]"),
        ({"density": None}, "snip needs a density"),
        ({"method": "cts", "epochs": None}, "cts needs epochs, the length of the training"),
        ({"method": "cts", "epochs": 0}, "epochs must be at least 1, got 0"),
        ({"method": "crbg"}, "crbg takes no density target"),
        ({"method": "snipp"}, "unknown method 'snipp': did you mean snip?"),
        ({"sample": 3}, "unknown option of snip 'sample'"),
        ({"objective": "losss", "method": "cts"}, "unknown objective 'losss': did you mean loss"),
        ({"keep_dense": ["tail"]}, "keep_dense names 'tail'"),
        ({"data": iter(())}, "not a DataLoader, a Dataset or a pair of tensors"),
        ({"data": [torch.ones(3)] * 3}, "a batch is a Tensor with no labels"),
        ({"data": [(1, 2, 3)]}, "a batch is a tuple with 3 parts"),
        ({"data": []}, "the data has no batch"),
        ({"data": (torch.ones(4, 1, 6, 6), torch.ones(3))}, "4 inputs and 3 targets"),
        ({"batch_size": 3}, "batch_size is for a pair of tensors or a Dataset"),
        ({"data": DataLoader(Endless(), 16), "method": "cts"}, "how many batches it has"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    wrong: dict[str, Any], words: str, model: OwnNetwork, loader: Loader
) -> None:
    given = {"data": loader, "method": "snip", "density": 0.3, "epochs": 1, **wrong}
    with pytest.raises(ValueError, match=words) as error:
        lottery.prune(model, given.pop("data"), given.pop("method"), **given)
    assert "\n" not in str(error.value)


def test_models_that_are_not_ready_are_refused_by_name(loader: Loader) -> None:
    for wrong, words in (
        (nn.Sequential(nn.LazyConv2d(3, 3)), r"0\.weight has no shape yet"),
        (nn.Sequential(nn.Conv2d(1, 3, 3)).bfloat16(), r"0\.weight is in bfloat16: use model.flo"),
    ):
        with pytest.raises(BadInput, match=words):
            lottery.prune(wrong, loader, "snip", density=0.3)


def test_unknown_names_are_bad_input() -> None:
    assert issubclass(UnknownName, BadInput)


def test_emptied_layers_are_not_passed_over(model: OwnNetwork, loader: Loader) -> None:
    with torch.no_grad():
        model.head.weight.mul_(1e-6)
    with pytest.warns(UserWarning, match=r"the ticket keeps no weight of head\.weight"):
        lottery.prune(model, loader, "magnitude", density=0.3)


def test_scores_that_tell_nothing_apart_are_refused(model: OwnNetwork, loader: Loader) -> None:
    nn.init.zeros_(model.head.weight)
    with pytest.raises(BadInput, match=r"same score: head\.weight is zero throughout"):
        lottery.prune(model, loader, "snip", density=0.3)


def test_a_method_that_changes_its_weights_is_refused(model: OwnNetwork, loader: Loader) -> None:
    def spoils(network: lottery.Network, data: Any, density: float, generator: Any) -> Tensor:
        network.weights.mul_(2)
        return network.weights.abs()

    made = type(lottery.methods["snip"])("spoils", spoils)
    with (
        lottery.methods.temporarily({"spoils": made}),
        pytest.raises(BadInput, match="'spoils' changed the weights"),
    ):
        lottery.prune(model, loader, "spoils", density=0.3)


def test_a_wrapped_model(model: OwnNetwork, loader: Loader, tmp_path: Path) -> None:
    wrapped = nn.DataParallel(model)
    ticket = draw(wrapped, loader, "snip")
    assert ticket.mask.sha256 == draw(own_network(), loader, "snip").mask.sha256
    ticket.apply_(wrapped)
    assert int((model.head.weight == 0).sum()) == 30 - ticket.mask.kept_per_layer()["head.weight"]
