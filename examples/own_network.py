"""A network, data and a training loop of one's own, and a ticket of them: python own_network.py

The classes are blobs of brightness at ten places of a noisy picture, so that nothing is downloaded.
"""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import lottery


class SmallCNN(nn.Module):
    """Three convolutions with ordinary BatchNorm."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in ((1, 16), (16, 32), (32, 32)):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(32 * 4, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x).flatten(1))  # type: ignore[no-any-return]


def blobs(count: int, seed: int) -> TensorDataset:
    """Pictures of shape (1, 16, 16) and the place, 0 to 9, of a blob in each."""
    draw = torch.Generator().manual_seed(seed)
    places = torch.arange(10)
    rows, columns = 2 + 3 * (places % 5), 4 + 7 * (places // 5)
    y = torch.randint(0, 10, (count,), generator=draw)
    grid = torch.arange(16)
    distance = (grid[:, None] - rows[y, None, None]) ** 2 + (grid - columns[y, None, None]) ** 2
    noise = 0.5 * torch.randn(count, 1, 16, 16, generator=draw)
    return TensorDataset(torch.exp(-distance / 4)[:, None] + noise, y)


def train(model: nn.Module, loader: DataLoader, epochs: int, ticket: lottery.Ticket) -> None:  # type: ignore[type-arg]
    """A plain loop; what the optimiser moves away from zero is set back after every step."""
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    model.train()
    for _ in range(epochs):
        for x, y in loader:
            optimiser.zero_grad()
            F.cross_entropy(model(x), y).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            ticket.apply_(model)


@torch.no_grad()
def accuracy(model: nn.Module, data: TensorDataset) -> float:
    """Percent of the pictures that are named rightly, each looked at by itself."""
    x, y = data.tensors
    return 100 * float((model.eval()(x).argmax(1) == y).float().mean())


def main(epochs: int = 5) -> float:
    torch.manual_seed(0)
    model = SmallCNN()
    loader = DataLoader(blobs(1000, seed=0), batch_size=50, shuffle=True)

    ticket = lottery.prune(model, loader, "cts", density=0.1, epochs=epochs)
    print(ticket.mask.layout)
    ticket.apply_(model)  # pruned weights are zero
    ticket.save("ticket.safetensors")

    train(model, loader, epochs, ticket)
    found = accuracy(model, blobs(500, seed=1))
    kept, total = ticket.mask.kept, ticket.mask.layout.total
    print(f"{kept} of {total} weights: {found:.1f}% of the test pictures")
    return found


if __name__ == "__main__":
    main()
