"""Small networks as users bring them, and data."""

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset


class OwnNetwork(nn.Module):
    """Two convolutions with BatchNorm and dropout: 282 prunable weights."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 6, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(6)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm1(self.conv1(x)))
        x = torch.relu(self.norm2(self.conv2(x)))
        return self.head(self.dropout(x.mean((2, 3))))  # type: ignore[no-any-return]


def own_network(seed: int = 0) -> OwnNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return OwnNetwork()


def pair(count: int = 48) -> tuple[Tensor, Tensor]:
    """Images (n, 1, 6, 6) that are brighter the higher their class, of five."""
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(count) % 5
    return torch.randn(count, 1, 6, 6, generator=draw) + y.view(-1, 1, 1, 1), y


@pytest.fixture
def model() -> OwnNetwork:
    return own_network()


@pytest.fixture
def loader() -> DataLoader[tuple[Tensor, ...]]:
    return DataLoader(TensorDataset(*pair()), batch_size=16, shuffle=True)
