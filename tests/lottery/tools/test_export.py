"""Tickets taken away: inspected and exported by the command line."""

import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.utils import prune

from lottery.core.errors import BadInput
from lottery.core.initialisation import Initialisation
from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.core.statistics import keep_statistics
from lottery.core.ticket import Ticket
from lottery.data import DATASETS, load
from lottery.data.batches import Data, Normalisation
from lottery.models.zoo import MODELS, build
from lottery.tools import inspect
from lottery.tools.export import export, main
from lottery.tools.inspect import describe
from lottery.tools.rebuild import rebuild

DIGITS = DATASETS["digits"]
FACTS = {"dataset": "digits", **Initialisation().facts()}
IMAGES = torch.randn(5, *DIGITS.shape, generator=torch.Generator().manual_seed(0))


def network(model: str = "resnet20", seed: int = 3) -> Network:
    return build(model, DIGITS.shape, DIGITS.classes, seed)


def save(path: Path, model: str = "resnet20", *, of_seed: bool = True) -> Ticket:
    """A ticket file of a density of 30%; without a seed its weights are doubled ones."""
    base = network(model)
    mask = Mask.top(base.layout, base.weights.abs(), 0.3)
    weights, rest = (None, None) if of_seed else (base.weights * 2, base.rest + 1)
    ticket = Ticket(mask, 3, weights, rest, provenance={"model": model, **FACTS})
    ticket.save(path)
    return ticket


def expected(ticket: Ticket) -> torch.Tensor:
    return rebuild(ticket)(IMAGES, ticket.mask.keep.float(), training=False)


def test_a_ticket_of_a_seed_is_rebuilt(tmp_path: Path) -> None:
    ticket = save(tmp_path / "t.safetensors")
    again = rebuild(Ticket.load(tmp_path / "t.safetensors"))
    assert torch.equal(again.weights, network().weights)
    assert torch.equal(again.rest, network().rest)
    assert ticket.weights is None


def test_a_rebuilt_ticket_has_the_initialisation_of_its_provenance(tmp_path: Path) -> None:
    kind = {"weights": "signed_constant", "norm_scale": "one", "bias": "zero", "kept": "0.5"}
    how = Initialisation("signed_constant", "one", "zero", 0.5)
    base = build("resnet20", DIGITS.shape, 10, 3, initialisation=how)
    provenance = {"model": "resnet20", **FACTS, **kind}
    again = rebuild(Ticket(Mask.full(base.layout), 3, provenance=provenance))
    assert torch.equal(again.weights, base.weights)
    assert torch.equal(again.rest, base.rest)


def test_a_ticket_that_says_nothing_of_biases_has_none() -> None:
    """As those before protocol 3."""
    facts = {name: fact for name, fact in FACTS.items() if name != "bias"}
    none = Initialisation(bias="zero")
    base = build("lenet-300-100", DIGITS.shape, 10, 3, initialisation=none)
    provenance = {"model": "lenet-300-100", **facts}
    again = rebuild(Ticket(Mask.full(base.layout), 3, provenance=provenance))
    assert torch.equal(again.weights, base.weights)
    assert not again.rest.any()
    assert network("lenet-300-100").rest.any()


@pytest.mark.parametrize("of_seed", [True, False])
def test_a_state_dict_has_zeros_where_weights_are_pruned(tmp_path: Path, of_seed: bool) -> None:
    ticket = save(tmp_path / "t.safetensors", of_seed=of_seed)
    export(tmp_path / "t.safetensors", "state-dict", tmp_path / "out.safetensors", "batch")
    state = load_file(tmp_path / "out.safetensors")
    flat = torch.cat([state[name].flatten() for name in ticket.mask.layout.names])
    assert torch.equal(flat != 0, ticket.mask.keep)
    module = MODELS["resnet20"].build(DIGITS.shape, 10)
    module.load_state_dict(state)
    assert torch.allclose(module.eval()(IMAGES), expected(ticket), atol=1e-5)


def recalibrated(ticket: Ticket, path: Path) -> nn.Module:
    """The suite's module with an exported state dict loaded."""
    module = keep_statistics(MODELS["resnet20"].build(DIGITS.shape, 10))
    module.load_state_dict(load_file(path))
    return module.eval()


def test_what_is_exported_is_right_for_one_image(tmp_path: Path) -> None:
    """By default its statistics are measured on the training images, under the mask."""
    ticket = save(tmp_path / "t.safetensors", of_seed=False)
    assert not export(tmp_path / "t.safetensors", "state-dict", tmp_path / "out.safetensors")
    module = recalibrated(ticket, tmp_path / "out.safetensors")
    images, _ = load("digits", tmp_path)
    x, _ = Data(images, DIGITS, Normalisation.of(images)).take(torch.arange(0, 1400, 7))
    with torch.no_grad():
        alone = torch.cat([module(one[None]) for one in x])
        in_batch = rebuild(ticket)(x, ticket.mask.keep.float(), training=False)
    assert torch.allclose(alone, module(x).detach(), atol=1e-4)
    by_itself = torch.cat([rebuild(ticket)(one[None], training=False) for one in x[:20]])
    wrong = (by_itself - in_batch[:20]).square().mean()
    assert (alone - in_batch).square().mean() < wrong / 3


def test_statistics_need_the_training_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "t.safetensors")

    def missing(name: str, root: Path) -> None:
        raise BadInput("no images")

    monkeypatch.setattr("lottery.tools.export.load", missing)
    with pytest.raises(BadInput, match=r"no images \(--statistics batch needs no images\)"):
        export(tmp_path / "t.safetensors", "state-dict", tmp_path / "out.safetensors")
    save(tmp_path / "t.safetensors", "lenet-300-100")
    assert not export(tmp_path / "t.safetensors", "state-dict", tmp_path / "out.safetensors")


def test_torch_prune_masks_fit_a_pruned_module(tmp_path: Path) -> None:
    ticket = save(tmp_path / "t.safetensors", of_seed=False)
    export(tmp_path / "t.safetensors", "torch-prune", tmp_path / "out.safetensors", "batch")
    module = MODELS["resnet20"].build(DIGITS.shape, 10)
    for name in ticket.mask.layout.names:
        prune.identity(module.get_submodule(name.removesuffix(".weight")), "weight")  # type: ignore[no-untyped-call]
    module.load_state_dict(load_file(tmp_path / "out.safetensors"))
    assert torch.allclose(module.eval()(IMAGES), expected(ticket), atol=1e-5)
    assert prune.is_pruned(module)


@pytest.mark.skipif(find_spec("onnxscript") is None, reason="onnx and onnxscript are not installed")
@pytest.mark.filterwarnings("ignore")  # torch's exporter warns of its own deprecations
@pytest.mark.parametrize("model", ["resnet20", "lenet-300-100"])
def test_onnx_computes_the_same(tmp_path: Path, model: str) -> None:
    from onnx.reference import ReferenceEvaluator

    ticket = save(tmp_path / "t.safetensors", model)
    export(tmp_path / "t.safetensors", "onnx", tmp_path / "out.onnx", "batch")
    evaluator = ReferenceEvaluator(str(tmp_path / "out.onnx"))
    for count in (5, 3):  # another number of images than the export's example had
        (logits,) = evaluator.run(None, {"images": IMAGES[:count].numpy()})
        keep = ticket.mask.keep.float()
        wanted = rebuild(ticket)(IMAGES[:count], keep, training=False)
        assert torch.allclose(torch.from_numpy(logits), wanted, atol=1e-3)


def test_without_onnx_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "t.safetensors", "lenet-300-100")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(BadInput, match=r"^onnx is not installed: pip install .*\[onnx\]"):
        export(tmp_path / "t.safetensors", "onnx", tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


def test_inspect(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    ticket = save(path, "lenet-300-100")
    text = describe(path)
    kept = ticket.mask.kept_per_layer()["1.weight"]
    assert f"| 1.weight | 300x64  | 19200     | {kept} " in text
    assert "| all      |         | 50200     | 15060  | 0.300000  |" in text
    assert "stored as seed and mask bits (seed 3)" in text
    assert f": {path.stat().st_size} bytes, of which the mask 6275;" in text
    assert f"float32: {4 * (50200 + 410)} bytes" in text
    assert f"mask sha256: {ticket.mask.sha256}" in text
    assert "model: lenet-300-100" in text
    save(path, "lenet-300-100", of_seed=False)
    assert "stored as mask bits and weights" in describe(path)


@pytest.mark.parametrize(
    ("provenance", "words"),
    [
        ({"dataset": "digits"}, "names no model"),
        ({"model": "resnet20"}, "names no dataset"),
        ({"model": "resnet21", "dataset": "digits"}, "unknown model 'resnet21'"),
        ({"model": "resnet20", "dataset": "digit"}, "unknown dataset 'digit'"),
        ({"model": "resnet20", "dataset": "cifar10"}, "layout is not that of resnet20 on cifar10"),
    ],
)
def test_a_ticket_that_cannot_be_rebuilt(provenance: dict[str, str], words: str) -> None:
    mask = Mask.full(network().layout)
    with pytest.raises(BadInput, match=words):
        rebuild(Ticket(mask, 0, provenance=provenance))


@pytest.mark.parametrize("command", [inspect.main, lambda a: main([*a, "--to", "state-dict"])])
def test_no_ticket_is_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: Callable[[list[str]], int]
) -> None:
    (tmp_path / "notes.txt").write_text("no ticket")
    for name, words in (("absent", "there is no ticket file"), ("notes.txt", "cannot be read")):
        assert command([str(tmp_path / name)]) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: ")
        assert words in said
        assert said.count("\n") == 1


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "t.safetensors", "lenet-300-100")
    out = tmp_path / "folder" / "out.safetensors"
    arguments = [str(tmp_path / "t.safetensors"), "--to", "state-dict", "--out", str(out)]
    assert main(arguments) == 0
    assert capsys.readouterr() == (f"{out}: {out.stat().st_size} bytes\n", "")
    save(tmp_path / "t.safetensors")
    assert main([*arguments, "--statistics", "batch"]) == 0
    assert "warning: it normalises every batch by itself" in capsys.readouterr().err
    assert inspect.main([str(tmp_path / "t.safetensors")]) == 0
    assert "effective" in capsys.readouterr().out
