"""Fashion-MNIST: 70,000 articles of clothing of 28x28 (Xiao et al. 2017), in MNIST's format."""

import sys
from functools import partial
from pathlib import Path

from lottery.data.datasets import dataset
from lottery.data.sets.mnist import read_idx
from lottery.data.sources import Files, FileSet, from_torchvision, run_tool, unpack

DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = "usr/share/datasets/fashion-mnist"  # below /, or below where it was unpacked
# Debian's .gz differ from the published ones, but only in their headers: with name and time of the
# published ones put back, their MD5s are those that torchvision has.
FASHION_MNIST = FileSet(
    "FashionMNIST/raw",
    {
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
)


def from_debian(work: Path) -> None:
    """A source: Debian's package of Fashion-MNIST: as installed, else downloaded and unpacked."""
    root = Path("/")
    if not (root / DEBIAN_FOLDER).exists():
        print(f"fetching {DEBIAN_PACKAGE} from Debian", file=sys.stderr)
        run_tool("apt-get", "download", DEBIAN_PACKAGE, cwd=work)
        root = work / "debian"
        run_tool("dpkg-deb", "-x", next(work.glob("*.deb")).name, root.name, cwd=work)
    unpack(root / DEBIAN_FOLDER, work / FASHION_MNIST.folder, FASHION_MNIST, FASHION_MNIST.md5)


dataset(
    "fashion_mnist",
    classes=10,
    shape=(1, 28, 28),
    train_size=60000,
    test_size=10000,
    files=Files(
        (FASHION_MNIST,),
        {"torchvision": partial(from_torchvision, "FashionMNIST"), "Debian": from_debian},
    ),
)(read_idx)
