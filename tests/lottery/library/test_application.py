"""A ticket laid over the user's model, trained in a loop of the user's own, kept as a file."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import prune
from torch.utils.data import DataLoader

import lottery
from lottery.core.errors import BadInput
from tests.lottery.library.conftest import OwnNetwork, own_network, pair

Loader = DataLoader[tuple[Tensor, ...]]


def snip(model: nn.Module, **options: Any) -> lottery.Ticket:
    return lottery.prune(model, pair(), "snip", density=0.3, **options)


def kept(model: nn.Module, ticket: lottery.Ticket) -> Tensor:
    """Which weights of a model are not zero, as a mask has it."""
    parameters = dict(model.named_parameters())
    return torch.cat([parameters[name].flatten() != 0 for name in ticket.mask.layout.names])


def train(model: nn.Module, ticket: lottery.Ticket | None = None) -> None:
    """A plain loop with momentum and weight decay."""
    optimiser = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=1e-2)
    x, y = pair()
    for _ in range(5):
        optimiser.zero_grad()
        F.cross_entropy(model(x), y).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if ticket:
            ticket.apply_(model)


def test_pruned_weights_are_zero_and_the_others_untouched(model: OwnNetwork) -> None:
    ticket = snip(model)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    ticket.apply_(model)
    assert torch.equal(kept(model, ticket), ticket.mask.keep)
    views = ticket.mask.layout.views(ticket.mask.keep)
    for name, parameter in model.named_parameters():
        wanted = before[name] * views[name] if name in views else before[name]
        assert torch.equal(parameter, wanted)


def test_in_a_training_loop_statistics_and_weights_go_on(model: OwnNetwork) -> None:
    ticket = snip(model)
    ticket.apply_(model)
    start = model.head.weight.detach().clone()
    assert torch.equal(model.norm1.running_mean, ticket.statistics["norm1.running_mean"])  # type: ignore[arg-type]
    train(model, ticket)
    assert torch.equal(kept(model, ticket), ticket.mask.keep)
    assert not torch.equal(model.head.weight, start)
    assert model.norm1.num_batches_tracked == 5
    assert not torch.equal(model.norm1.running_mean, ticket.statistics["norm1.running_mean"])  # type: ignore[arg-type]


def test_rewinding_brings_the_weights_back(model: OwnNetwork) -> None:
    ticket, start = snip(model), own_network().state_dict()
    train(model)
    ticket.apply_(model, weights=True)
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter[parameter != 0], start[name][parameter != 0])
    assert torch.equal(kept(model, ticket), ticket.mask.keep)
    assert torch.equal(model.norm2.running_var, ticket.statistics["norm2.running_var"])  # type: ignore[arg-type]


def test_weights_that_a_method_trained_are_put_in(model: OwnNetwork) -> None:
    with pytest.warns(UserWarning, match="sparse_vd judged the ticket"):
        ticket = lottery.prune(model, pair(), "sparse_vd", density=0.3, epochs=2, batch_size=16)
    before = model.head.bias.detach().clone()
    ticket.apply_(model, weights=False)
    assert torch.equal(model.head.bias, before)
    ticket.apply_(model)
    assert not torch.equal(model.head.bias, before)


def test_pytorchs_own_masks_hold_through_a_training(model: OwnNetwork) -> None:
    ticket = snip(model)
    ticket.apply_(model, reparametrise=True)
    assert prune.is_pruned(model)
    train(model)
    for name in ("conv1", "conv2", "head"):
        prune.remove(model.get_submodule(name), "weight")  # type: ignore[no-untyped-call]
    assert torch.equal(kept(model, ticket), ticket.mask.keep)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, 0]
        return self.head(self.attention(x, x, x)[0].mean(1))  # type: ignore[no-any-return]


def test_pytorchs_own_masks_of_attention(model: OwnNetwork) -> None:
    attention = Attention()
    ticket = snip(attention)
    ticket.apply_(attention, reparametrise=True)
    train(attention)
    layer, out = attention.attention, attention.attention.out_proj
    x, _ = pair()
    found = attention(x)
    for owner, name in ((layer, "in_proj_weight"), (out, "weight"), (attention.head, "weight")):
        prune.remove(owner, name)  # type: ignore[no-untyped-call]
    assert torch.equal(kept(attention, ticket), ticket.mask.keep)
    assert torch.allclose(attention(x), found, atol=1e-6)


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
        self.second.weight = self.first.weight
        self.again = self.second

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x.mean((1, 2))))
        return self.again(x)[:, :5]  # type: ignore[no-any-return]


@pytest.mark.parametrize("reparametrise", [False, True])
def test_a_shared_weight_is_zero_everywhere(reparametrise: bool) -> None:
    shared = Shared()
    ticket = snip(shared)
    assert ticket.mask.layout.total == 36
    ticket.apply_(shared, reparametrise=reparametrise)
    if reparametrise:
        train(shared)
    keep = ticket.mask.keep.view(6, 6)
    for layer in (shared.first, shared.second):
        layer(torch.ones(1, 6))  # the masks are laid over at each call
        assert torch.equal(layer.weight != 0, keep)


def test_a_file_and_back(model: OwnNetwork, tmp_path: Path) -> None:
    ticket, path = snip(model), tmp_path / "ticket.safetensors"
    ticket.save(str(path))
    again = lottery.Ticket.load(str(path))
    other = own_network(1)
    again.apply_(other, weights=True)
    ticket.apply_(model)
    for mine, theirs in zip(model.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs)
    assert again.provenance == ticket.provenance
    assert not again.trained


def test_a_file_of_the_mask_alone(model: OwnNetwork, tmp_path: Path) -> None:
    ticket, path = snip(model), tmp_path / "mask.safetensors"
    ticket.save(path, weights=False)
    again = lottery.Ticket.load(path)
    assert again.mask.sha256 == ticket.mask.sha256
    assert (again.weights, again.rest, again.statistics) == (None, None, {})
    again.apply_(model)
    assert torch.equal(kept(model, ticket), ticket.mask.keep)
    with pytest.raises(BadInput, match="saved without them"):
        again.apply_(model, weights=True)


def test_another_network_is_refused(model: OwnNetwork) -> None:
    ticket = snip(model)
    for other, words in (
        (nn.Linear(3, 3), "over conv1.weight of shape .*, Linear has no such parameter"),
        (nn.ModuleDict({"conv1": nn.Conv2d(1, 9, 3)}), r"has one of shape \(9, 1, 3, 3\)"),
    ):
        before = [p.detach().clone() for p in other.parameters()]
        with pytest.raises(BadInput, match=words):
            ticket.apply_(other)
        for old, new in zip(before, other.parameters(), strict=True):
            assert torch.equal(old, new)


def test_a_tickets_statistics_are_right_for_one_example(model: OwnNetwork, loader: Loader) -> None:
    """In a batch of one the output is close to that of a network that saw the whole batch."""
    with pytest.warns(UserWarning, match=r"crbg judged .* \(norm1 and 1 other norm\): apply_ puts"):
        ticket = lottery.prune(model, loader, "crbg", epochs=3, lr=0.05)
    x, _ = pair()
    ticket.apply_(model)
    by_batch = model.train()
    by_batch.dropout.eval()
    in_batch = by_batch(x).detach()
    ticket.apply_(model)
    model.load_state_dict({**model.state_dict(), **ticket.statistics})
    alone = torch.cat([model.eval()(one[None]) for one in x]).detach()
    assert (alone - in_batch).abs().mean() < 0.1 * in_batch.std()


def test_norms_without_statistics_are_warned_of(loader: Loader) -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, track_running_stats=False), nn.Flatten()
    )
    model.append(nn.Linear(64, 5))
    with pytest.warns(UserWarning, match=r"depends on the others in its batch$"):
        ticket = lottery.prune(model, loader, "crbg", epochs=1)
    assert not ticket.statistics


def test_recalibrated_statistics_are_those_of_the_data(model: OwnNetwork, loader: Loader) -> None:
    x, _ = pair()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    model.norm2.eval()
    lottery.recalibrate(model, (x, x), batch_size=len(x))
    inputs = model.conv1(x).detach()
    assert torch.allclose(model.norm1.running_mean, inputs.mean((0, 2, 3)), atol=1e-6)  # type: ignore[arg-type]
    assert torch.allclose(model.norm1.running_var, inputs.var((0, 2, 3)), atol=1e-6)  # type: ignore[arg-type]
    once = model.norm2.running_mean.clone()  # type: ignore[union-attr]
    lottery.recalibrate(model, loader)
    assert torch.allclose(model.norm2.running_mean, once, atol=0.1)  # type: ignore[arg-type]
    assert (model.training, model.norm2.training) == (True, False)
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())
    with pytest.raises(BadInput, match="no norm of Linear keeps running statistics"):
        lottery.recalibrate(nn.Linear(1, 1), loader)
