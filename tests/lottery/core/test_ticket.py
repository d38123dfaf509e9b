"""Ticket files: whole or absent, free of pickle, and refused in one line when damaged."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

import lottery.core.ticket
from lottery.core.layout import Layout
from lottery.core.mask import Mask
from lottery.core.ticket import Ticket

LAYOUT = Layout.of_shapes([("conv.weight", (3, 1, 3)), ("head.weight", (2, 5))])  # 9 + 10 weights


def ticket(**parts: Any) -> Ticket:
    keep = torch.arange(19) % 3 == 0
    return Ticket(Mask(LAYOUT, keep), **{"seed": 7, **parts})


def whole() -> Ticket:
    return ticket(
        weights=torch.arange(19) / 4 - 2,
        rest=torch.tensor([0.5, -0.0, 1e-30]),
        scores=torch.linspace(3, -3, 19).double(),
        provenance={"method": "cts", "note": 'two\nlines, ünïcode and "quotes"'},
    )


def same(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.dtype == other.dtype and torch.equal(one, other)


def refusal(path: Path) -> str:
    with pytest.raises(ValueError, match=r"\S") as caught:
        Ticket.load(path)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    "made",
    [
        ticket(),
        whole(),
        ticket(weights=torch.zeros(19), rest=torch.empty(0)),
        ticket(scores=torch.full((19,), float("-inf"), dtype=torch.bfloat16)),
        ticket(seed=2**63 - 1),
    ],
    ids=["mask", "whole", "no rest", "scores", "large seed"],
)
def test_a_ticket_comes_back_as_it_was(tmp_path: Path, made: Ticket) -> None:
    path = tmp_path / "new" / "folder" / "ticket.safetensors"
    made.save(path)
    again = Ticket.load(path)
    assert again.mask.layout == LAYOUT
    assert torch.equal(again.mask.keep, made.mask.keep)
    assert (again.seed, again.provenance) == (made.seed, made.provenance)
    for name in ("weights", "rest", "scores"):
        assert same(getattr(again, name), getattr(made, name)), name
    assert os.listdir(path.parent) == ["ticket.safetensors"]


def test_tensors_that_share_memory_are_saved(tmp_path: Path) -> None:
    weights = torch.linspace(0, 1, 40)[::2][:19].requires_grad_()
    ticket(weights=weights, scores=weights).save(tmp_path / "ticket")
    again = Ticket.load(tmp_path / "ticket")
    assert same(again.weights, weights.detach())
    assert same(again.scores, weights.detach())


def parse(data: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """A safetensors file by hand: its header, and the bytes of each tensor.

    Every byte belongs to the header or to one tensor, so there is no room for anything else.
    """
    size = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    metadata = header.pop("__metadata__")
    spans = sorted(entry["data_offsets"] for entry in header.values())
    assert [0, *(end for _, end in spans)] == [*(start for start, _ in spans), len(body)]
    parts = {name: body[slice(*entry["data_offsets"])] for name, entry in header.items()}
    return {"metadata": metadata, **header}, parts


def test_the_file_is_bits_and_text_alone(tmp_path: Path) -> None:
    whole().save(tmp_path / "ticket")
    header, parts = parse((tmp_path / "ticket").read_bytes())
    assert set(parts) == {"mask", "weights", "rest", "scores"}
    assert (header["mask"]["dtype"], header["mask"]["shape"]) == ("U8", [3])
    # True at 0, 3, 6, ... 18.
    assert parts["mask"] == bytes([0b10010010, 0b01001001, 0b00100000])
    assert parts["weights"] == np.arange(-2, 2.75, 0.25, dtype=np.float32).tobytes()
    metadata = header["metadata"]
    assert metadata["format"] == "lottery-ticket-1"
    assert metadata["seed"] == "7"
    assert json.loads(metadata["layout"]) == [["conv.weight", [3, 1, 3]], ["head.weight", [2, 5]]]
    assert json.loads(metadata["provenance"]) == whole().provenance


def test_a_mask_takes_an_eighth_of_a_byte_a_weight(tmp_path: Path) -> None:
    layout = Layout.of_shapes([("a", (100_001,))])
    Ticket(Mask.full(layout), 0).save(tmp_path / "ticket")
    assert 12_501 <= (tmp_path / "ticket").stat().st_size < 12_501 + 500


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("at", ["write", "rename"])
def test_a_save_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, at: str
) -> None:
    def half(tensors: object, path: str, header: object) -> None:
        Path(path).write_bytes(b"half")
        raise error

    def fail(source: object, target: object) -> None:
        raise error

    path = tmp_path / "ticket"
    for before in (None, b"there before"):
        if before is not None:
            path.write_bytes(before)
        with monkeypatch.context() as patch:
            if at == "write":
                patch.setattr(lottery.core.ticket, "save_file", half)
            else:
                patch.setattr(os, "replace", fail)
            with pytest.raises(type(error)):
                whole().save(path)
        assert os.listdir(tmp_path) == ([] if before is None else ["ticket"])
        assert before is None or path.read_bytes() == before


def test_saving_replaces_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "ticket"
    path.write_bytes(b"damaged")
    whole().save(path)
    assert Ticket.load(path).seed == 7


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("saved") / "ticket"
    whole().save(path)
    return path.read_bytes()


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    refusal(tmp_path / "nowhere")
    refusal(tmp_path)


def test_a_truncated_file_is_refused(tmp_path: Path, saved: bytes) -> None:
    path = tmp_path / "ticket"
    for length in [*range(0, len(saved), 7), len(saved) - 1]:
        path.write_bytes(saved[:length])
        refusal(path)
    path.write_bytes(saved + b"\0")
    refusal(path)


@pytest.mark.parametrize("data", [b"\x80\x04N.", b"PK\x03\x04" + bytes(60), b"{}", b"\n" * 100])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "ticket"
    path.write_bytes(data)
    refusal(path)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"format": "lottery-ticket-2"}])
def test_tensors_of_another_kind_are_refused(
    tmp_path: Path, metadata: dict[str, str] | None
) -> None:
    path = tmp_path / "ticket"
    save_file({"mask": torch.zeros(3, dtype=torch.uint8)}, path, metadata)
    assert "is not a ticket" in refusal(path)


GOOD = {
    "format": "lottery-ticket-1",
    "layout": '[["a", [2, 5]]]',
    "seed": "3",
    "mask_sha256": hashlib.sha256(b"\x80\x40").hexdigest(),
    "provenance": "{}",
}
BITS = torch.tensor([0b10000000, 0b01000000], dtype=torch.uint8)


def test_the_ticket_that_the_next_test_spoils_is_good(tmp_path: Path) -> None:
    save_file({"mask": BITS}, tmp_path / "ticket", GOOD)
    assert Ticket.load(tmp_path / "ticket").mask.keep.nonzero().flatten().tolist() == [0, 9]


@pytest.mark.parametrize(
    ("tensors", "header"),
    [
        ({"scores": torch.zeros(10)}, {}),
        ({"mask": BITS[:1]}, {}),
        ({"mask": BITS.float()}, {}),
        ({"mask": BITS, "weights": torch.zeros(9)}, {}),
        ({"mask": BITS, "scores": torch.zeros(2, 5)}, {}),
        ({"mask": BITS.flip(0)}, {}),
        ({"mask": BITS}, {"mask_sha256": None}),
        ({"mask": BITS}, {"layout": None}),
        ({"mask": BITS}, {"layout": "[["}),
        ({"mask": BITS}, {"layout": "3"}),
        ({"mask": BITS}, {"layout": '[["a", 10]]'}),
        ({"mask": BITS}, {"layout": '[["a", "10"]]'}),
        ({"mask": BITS}, {"layout": '[["a", [2, null]]]'}),
        ({"mask": BITS}, {"layout": '[["a", [2, 9]]]'}),
        ({"mask": BITS}, {"seed": None}),
        ({"mask": BITS}, {"seed": "three"}),
        ({"mask": BITS}, {"provenance": None}),
        ({"mask": BITS}, {"provenance": "{"}),
    ],
)
def test_parts_that_are_missing_or_do_not_fit_are_refused(
    tmp_path: Path, tensors: dict[str, Tensor], header: dict[str, str | None]
) -> None:
    path = tmp_path / "ticket"
    metadata = {name: text for name, text in {**GOOD, **header}.items() if text is not None}
    save_file({name: tensor.clone() for name, tensor in tensors.items()}, path, metadata)
    refusal(path)


def test_a_damaged_header_loads_or_is_refused(tmp_path: Path, saved: bytes) -> None:
    """A changed byte may still make a ticket (of another seed, say), but never another error."""
    path, refused = tmp_path / "ticket", 0
    end = 8 + int.from_bytes(saved[:8], "little")
    for place in range(end):
        damaged = bytearray(saved)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            assert Ticket.load(path).mask.layout.total == 19
        except ValueError:
            refused += 1
            refusal(path)
    assert refused > end // 2
