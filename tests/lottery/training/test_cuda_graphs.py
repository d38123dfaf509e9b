"""Captured steps do what eager ones do; what cannot be captured is said and goes on."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import pytest
import torch
from torch import Tensor

import baselines  # noqa: F401  (registers them)
import lottery.search.crbg  # noqa: F401  (registers it)
from lottery.core.choices import GRADIENTS, Gradient, Precision
from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.core.result import Result
from lottery.data import DATASETS, Images
from lottery.data.batches import Data, Normalisation
from lottery.models.zoo import build
from lottery.search.cts import cts
from lottery.search.registry import methods, objectives
from lottery.training import cuda_graphs
from lottery.training.cuda_graphs import EAGER_STEPS, captured, eager, set_lr
from lottery.training.loop import NoKeeper, Resumable
from lottery.training.recipe import Recipe
from lottery.training.runner import Runner
from lottery.training.train import train
from tests.conftest import interrupted

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
DIGITS = DATASETS["digits"]
START = float(torch.logit(torch.tensor(0.2)))  # of CTS at a density of 0.2
RECIPE = Recipe(epochs=1, rewind_epochs=0, batch_size=128, replicas=1, gradient="mean_clipped")
X, Y = torch.tensor([2.0]), torch.tensor([3.0])


def loop(device: str = "cpu") -> tuple[Tensor, torch.optim.Optimizer, cuda_graphs.Work]:
    """A parameter, and the work that moves it by lr times x and returns x + y."""
    parameter = torch.zeros(1, device=device, requires_grad=True)
    optimiser = torch.optim.SGD([parameter], lr=1.0)

    def work(x: Tensor, y: Tensor) -> Tensor:
        parameter.grad = -x
        optimiser.step()
        return x + y

    return parameter, optimiser, work


def test_on_a_cpu_the_work_is_left_as_it_is() -> None:
    _, optimiser, work = loop()
    assert captured(work, optimiser) is work
    assert optimiser.param_groups[0]["lr"] == 1.0
    assert isinstance(optimiser.param_groups[0]["lr"], float)


def test_the_learning_rate_is_set_as_a_number_or_in_its_tensor() -> None:
    optimisers = [torch.optim.SGD([X.clone()], lr=r) for r in (1.0, torch.tensor(1.0))]
    tensor = optimisers[1].param_groups[0]["lr"]
    for optimiser in optimisers:
        set_lr(optimiser, 0.25)
        assert optimiser.param_groups[0]["lr"] == 0.25
    assert isinstance(optimisers[0].param_groups[0]["lr"], float)
    assert optimisers[1].param_groups[0]["lr"] is tensor


def test_a_capture_that_fails_is_said_once_and_loses_no_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Refusing(nullcontext[None]):
        def __enter__(self) -> None:
            raise RuntimeError("an operation waits for the GPU\nand more")

    def ours(*_: object) -> AbstractContextManager[None]:
        return nullcontext()

    monkeypatch.setattr(cuda_graphs, "_failed", [])
    monkeypatch.setattr(torch.cuda, "CUDAGraph", object)
    monkeypatch.setattr(torch.cuda, "graph", lambda graph: Refusing())
    for name in ("device", "stream", "current_stream"):
        monkeypatch.setattr(torch.cuda, name, ours)
    parameter, _, work = loop()
    step = cuda_graphs._Captured(work, None)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        values = [step(X * i, Y).item() for i in range(6)]
    assert values == [3, 5, 7, 9, 11, 13]
    assert parameter.item() == 2 * (0 + 1 + 2 + 3 + 4 + 5)
    assert [str(w.message) for w in said] == [
        "steps run eagerly, they cannot be captured: an operation waits for the GPU"
    ]
    assert len(cuda_graphs._failed) == 1


class Replayed(cuda_graphs._Captured):
    """Captured steps without a GPU: a replay does the work on the tensors of the cuda_graphs."""

    def __init__(self, work: cuda_graphs.Work) -> None:
        super().__init__(work, None)
        self.replayed: list[int] = []

    def _capture(self, x: Tensor, y: Tensor) -> None:
        self._x, self._y = x.clone(), y.clone()
        self._graph = self  # type: ignore[assignment]

    def replay(self) -> None:
        self.replayed.append(len(self._x))
        self._value = self._work(self._x, self._y)


@pytest.mark.parametrize(
    ("lengths", "replayed"),
    [
        ([4, 4, 4, 2, 4, 4, 4, 2], [4] * 4),  # the last batch of an epoch runs as it is
        ([4, 2, 4, 2, 4], [4, 4]),
        ([2, 4, 4, 4, 2, 4], [4, 4, 4]),  # a loop that resumes at a last batch
        ([2, 2, 2, 2, 4, 2, 4], [2, 2, 2]),  # where all have been small, small ones are the ones
        ([4, 4, 2, 2, 2, 4], [4]),
        ([3, 3], []),
    ],
)
def test_the_largest_shape_is_captured_and_others_run_as_they_are(
    lengths: list[int], replayed: list[int]
) -> None:
    """After two steps, whatever their shape; and every step sees its own batch."""
    seen: list[list[float]] = []

    def work(x: Tensor, y: Tensor) -> Tensor:
        seen.append(x.tolist())
        return x.sum() + y.sum()

    step = Replayed(work)
    batches = [torch.arange(n) + 10.0 * i for i, n in enumerate(lengths)]
    values = [step(x, -2 * x).item() for x in batches]
    assert values == [-x.sum().item() for x in batches]
    assert seen == [x.tolist() for x in batches]
    assert step.replayed == replayed


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
def test_a_capturable_optimiser_steps_alike(kind: Callable[..., torch.optim.Optimizer]) -> None:
    parameters = [torch.arange(4.0).requires_grad_() for _ in range(2)]
    plain, fast = (kind([p], lr=0.5) for p in parameters)
    cuda_graphs.make_capturable(fast)
    # torch lets an optimiser be captured only if it says so; `fused` runs on a CPU too.
    assert all(group["capturable"] for group in fast.param_groups)
    fast.param_groups[0]["capturable"] = False
    for i in range(3):
        for parameter, optimiser in zip(parameters, (plain, fast), strict=True):
            set_lr(optimiser, 0.5 / (i + 1))
            parameter.grad = parameter.detach().cos()
            optimiser.step()
    assert torch.allclose(parameters[0], parameters[1], rtol=1e-6)
    assert fast.state[parameters[1]].get("step", torch.tensor(3.0)) == 3


@needs_gpu
def test_a_captured_step_follows_its_inputs_and_its_learning_rate() -> None:
    parameter, optimiser, work = loop("cuda")
    step = captured(work, optimiser)
    x, y = X.cuda(), Y.cuda()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i in range(EAGER_STEPS + 3):
            set_lr(optimiser, 0.5**i)
            assert step(x * i, y).item() == 2 * i + 3
    expected = sum(0.5**i * 2 * i for i in range(EAGER_STEPS + 3))
    assert parameter.item() == pytest.approx(expected)


def gpu_data(images: Images, count: int = 1024) -> Data:
    part = Images(images.images[:count], images.labels[:count])
    return Data(part, DIGITS, Normalisation.of(part), "cuda")


def gpu_network(precision: Precision = "float32") -> Network:
    return build("resnet20", DIGITS.shape, DIGITS.classes, 0, device="cuda", precision=precision)


@pytest.fixture(autouse=True)
def exact_convolutions() -> Iterator[None]:
    """In float32, as a GPU may else round them to TF32."""
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


def moved_alike(one: Tensor, other: Tensor, start: Tensor | float) -> bool:
    """Whether two vectors went much the same way from a start: rounding grows along a search."""
    a, b = one - start, other - start
    ratio = float(a.norm() / b.norm())
    return 0.8 < ratio < 1.25 and float(torch.nn.functional.cosine_similarity(a, b, dim=0)) > 0.9


def both(run: Callable[[], Tensor]) -> tuple[Tensor, Tensor]:
    """Of steps captured without a warning, and of eager ones."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fast = run()
    with eager():
        return fast, run()


@needs_gpu
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_captured_training_is_eager_training(digits_images: Images, precision: Precision) -> None:
    data, network = gpu_data(digits_images), gpu_network(precision)
    mask = Mask.full(network.layout, "cuda")

    def run() -> Tensor:
        # Slowly: at the usual rate rounding grows too fast to compare.
        recipe = replace(RECIPE, lr=1e-3)
        return train(network, mask, data, recipe, 0, range(8)).weights

    fast, plain = both(run)
    moved = (plain - network.weights).norm()
    assert (fast - plain).norm() < (0.02 if precision == "float32" else 0.3) * moved


@needs_gpu
@pytest.mark.parametrize("replicas", [1, 4])
@pytest.mark.parametrize("gradient", GRADIENTS)
def test_captured_training_takes_a_smaller_last_batch(
    digits_images: Images, gradient: Gradient, replicas: int
) -> None:
    """Two epochs of seven batches of 128 images and one of 104, masked, in parts."""
    data, network = gpu_data(digits_images, 1000), gpu_network()
    mask = Mask.top(network.layout, network.weights.abs(), 0.3)
    recipe = replace(RECIPE, epochs=2, replicas=replicas, gradient=gradient, lr=1e-4)

    def run() -> Tensor:
        return train(network, mask, data, recipe, 0, range(16)).weights

    fast, plain = both(run)
    start = network.weights * mask.keep
    assert (fast - plain).norm() < 0.05 * (plain - start).norm()
    assert not fast[~mask.keep].any()


@needs_gpu
@pytest.mark.parametrize("step", ["gradbalance", "lagrange"])
@pytest.mark.parametrize("replicas", [1, 4])
def test_a_captured_search_takes_parts_and_a_smaller_last_batch(
    digits_images: Images, step: str, replicas: int
) -> None:
    data, network = gpu_data(digits_images, 1000), gpu_network()
    recipe = replace(RECIPE, epochs=2, replicas=replicas)

    def run() -> Tensor:
        runner, source = Runner(data, recipe, 0), generator(0, "search")
        found = cts(network, data, 0.2, source, runner=runner, gradient_step=step)
        assert found.scores is not None
        return found.scores

    assert moved_alike(*both(run), START)


@needs_gpu
@pytest.mark.parametrize("name", sorted(objectives.names()))
def test_a_captured_search_is_an_eager_search(digits_images: Images, name: str) -> None:
    data, network = gpu_data(digits_images), gpu_network()

    def run() -> Tensor:
        runner = Runner(data, RECIPE, 0)
        found = cts(network, data, 0.2, generator(0, "search"), runner=runner, objective=name)
        assert found.scores is not None
        return found.scores

    assert moved_alike(*both(run), START)


@needs_gpu
@pytest.mark.parametrize(
    ("name", "density", "options"),
    [("crbg", None, {"lr": 0.1}), ("edge_popup", 0.5, {}), ("gem_miner", 0.5, {})],
)
def test_every_gate_search_is_captured(
    digits_images: Images, name: str, density: float | None, options: dict[str, float]
) -> None:
    data, network = gpu_data(digits_images), gpu_network()
    runner = Runner(data, RECIPE, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        source, draw = generator(0, name), methods[name].draw
        found: Result = draw(network, data, density, source, runner=runner, epochs=2, **options)
    assert 0 < found.mask.kept < network.layout.total


@needs_gpu
@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
@pytest.mark.parametrize(("name", "density"), [("cts", 0.2), ("crbg", None), ("edge_popup", 0.5)])
def test_no_step_within_an_epoch_waits_for_the_gpu(
    digits_images: Images, name: str, density: float | None
) -> None:
    class Strict(NoKeeper):
        """Lets a loop wait in an epoch's first step, which shuffles on the host, and its last,
        which may look at the gates."""

        def done(self, loop: str, step: int, state: Resumable) -> None:
            torch.cuda.set_sync_debug_mode("default" if step % 8 in (0, 7) else "error")

    data, network = gpu_data(digits_images), gpu_network()
    recipe = replace(RECIPE, epochs=2)
    runner = Runner(data, recipe, 0, keeper=Strict())
    options = {} if name == "cts" else {"epochs": 2}
    try:
        with eager():
            draw = methods[name].draw
            mask = draw(network, data, density, generator(0, name), runner=runner, **options).mask
            runner.train(network, mask)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@needs_gpu
def test_a_captured_search_resumes(digits_images: Images) -> None:
    data, network = gpu_data(digits_images), gpu_network()
    recipe = replace(RECIPE, epochs=2)

    def run(keeper: object) -> Tensor:
        runner = Runner(data, recipe, 0, keeper=keeper)  # type: ignore[arg-type]
        found = cts(network, data, 0.2, generator(0, "search"), runner=runner)
        assert found.scores is not None
        return found.scores

    assert moved_alike(interrupted(run, 11, 3), run(None), START)


@needs_gpu
def test_a_step_that_waits_for_the_gpu_goes_on_eagerly() -> None:
    parameter, optimiser, work = loop("cuda")
    noise = torch.Generator("cuda")

    def waiting(x: Tensor, y: Tensor) -> Tensor:
        drawn = torch.rand(1, generator=noise, device="cuda")
        return work(x, y) + float(drawn.item() < 0)

    step = captured(waiting, optimiser, noise)
    with pytest.warns(UserWarning, match="steps run eagerly"):
        values = [step(X.cuda() * i, Y.cuda()).item() for i in range(6)]
    assert values == [3, 5, 7, 9, 11, 13]
    assert parameter.item() == 30
