"""Bad inputs: a result, or one line."""

import random
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.resources import files
from pathlib import Path
from unittest.mock import patch

import torch

from benchmarks.cli.options import RunOptions, parse_duration, parse_jobs, parse_seeds
from benchmarks.plan import comparison
from benchmarks.plan.presets import presets_of
from benchmarks.results.store import Store, warn
from benchmarks.results.writer import StoreWriter
from lottery.core.command_line import parse
from lottery.core.errors import BadInput
from lottery.core.mask import Mask
from lottery.core.ticket import Ticket
from lottery.data.sets.mnist import MNIST
from lottery.data.sources import DataError
from lottery.models.zoo import build
from lottery.tools.rebuild import read, rebuild
from tests.benchmarks.made_up import row
from tests.chaos.tally import Tally

TOKENS = (
    *(b'"', b"'", b",", b";", b"\t", b"\n", b"\r\n", b"\0", b"=", b"[", b"]", b"{", b"}", b"#"),
    *(b"nan", b"inf", b"-1", b"1e999", b"0", b"true", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3", b"."),
)


def mutated(raw: bytes, draw: random.Random) -> bytes:
    """A few bytes or lines taken away, doubled, moved or put in place of others."""
    found = bytearray(raw)
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(found) + 1)
        end = min(len(found), at + draw.choice([0, 0, 1, 1, 4, 40]))
        what = draw.randrange(5)
        if what == 0:
            found[at:end] = draw.choice(TOKENS)
        elif what == 1:
            found[at:end] = b""
        elif what == 2 and found:
            found[at % len(found)] ^= 1 << draw.randrange(8)
        elif what == 3:
            found[at:at] = found[at:end] * draw.choice([1, 1, 50])
        else:
            lines = found.split(b"\n")
            draw.shuffle(lines)
            found = bytearray(b"\n".join(lines))
    return bytes(found)


def tables(folder: Path, draw: random.Random) -> Callable[[Tally, int], None]:
    """Results files, read and then added to."""
    path = folder / "t.csv"
    for name in "abc":
        StoreWriter(path).append(row(name), {"objectives": [{"objective": "kl", "value": "0.5"}]})
    whole = path.read_bytes()

    def one(tally: Tally, i: int) -> None:
        raw = mutated(whole, draw)
        path.write_bytes(raw)
        store = tally.give(f"CSV {raw[-300:]!r}", lambda: Store(path))
        if path.read_bytes() != raw:
            tally.unequal += 1
            tally.note(f"CSV {raw!r} was changed by reading")
        if store is not None:
            rows = store.all_rows()
            tally.give(f"CSV {raw[-300:]!r}", lambda: StoreWriter(path).append(row("new")))
            again = Store(path).all_rows()
            if lost := sum(each not in again for each in rows):
                tally.lost += lost
                tally.note(f"CSV {raw!r}: {lost} rows are not as before")

    return one


def configurations(folder: Path, draw: random.Random) -> Callable[[Tally, int], None]:
    """Comparisons and presets."""
    found = [f for f in comparison.FOLDER.iterdir() if f.name.endswith(".toml")]
    texts = [found[0].read_bytes(), files("benchmarks.plan").joinpath("presets.toml").read_bytes()]

    mine = folder / "mine-1.toml"

    def one(tally: Tally, i: int) -> None:
        mine.write_bytes(mutated(texts[i % 2], draw))
        if i % 2:
            tally.give(f"preset {i}", lambda: presets_of(mine))
        else:
            with patch.object(comparison, "FOLDER", folder):
                tally.give(f"comparison {i}", lambda: comparison.get_comparison("mine-1"))

    return one


def tickets(folder: Path, draw: random.Random) -> Callable[[Tally, int], None]:
    """Ticket files: what is read is what was written."""
    network = build("lenet-300-100", (1, 8, 8), 10, 0)
    said = {"model": "lenet-300-100", "dataset": "digits"}
    path, mask = folder / "t.safetensors", Mask.top(network.layout, network.weights.abs(), 0.1)
    Ticket(mask, 0, provenance=said).save(path)
    whole = path.read_bytes()

    def one(tally: Tally, i: int) -> None:
        path.write_bytes(mutated(whole, draw))
        ticket = tally.give(f"ticket {i}", lambda: read(path))
        if ticket is not None:
            tally.give(f"ticket {i}", lambda: rebuild(ticket))
            if ticket.mask.sha256 != mask.sha256:
                tally.unequal += 1
                tally.note(f"ticket {i} has another mask")

    return one


def datasets(folder: Path, draw: random.Random) -> Callable[[Tally, int], None]:
    """Data files: none that is not the official one is taken."""
    raw = folder / MNIST.folder
    raw.mkdir(parents=True)

    def one(tally: Tally, i: int) -> None:
        name = draw.choice(list(MNIST.md5))
        (raw / name).write_bytes(mutated(b"\0\0\x08\x03" + bytes(100), draw))
        tally.give(f"data {name}", lambda: MNIST.verify(folder))
        try:
            MNIST.verify(folder)
            tally.unequal += 1
            tally.note(f"data {name}: taken for the official file")
        except DataError:
            (raw / name).unlink()

    return one


def command_lines(folder: Path, draw: random.Random) -> Callable[[Tally, int], None]:
    """Arguments."""
    words = ["--preset", "demo", "--seeds", "0", "--only", "method=cts", "--jobs", "2", "--list"]

    def one(tally: Tally, i: int) -> None:
        asked = [mutated(w.encode(), draw).decode("utf-8", "surrogateescape") for w in words]
        tally.give(f"arguments {asked}", lambda: parse(RunOptions, "x", asked))
        for read_text in (parse_jobs, parse_duration, lambda text: parse_seeds([text])):
            tally.give(f"{asked[3]!r}", partial(read_text, asked[3]))

    return one


KINDS = (tables, configurations, tickets, datasets, command_lines)


def mutations(seed: int, times: int) -> Tally:
    """Seeded mutations of every kind of file and of command lines."""
    tally = Tally()
    for kind in KINDS:
        with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
            one = kind(Path(folder), random.Random(f"{seed} {kind.__name__}"))
            for i in range(times // len(KINDS)):
                one(tally, i)
                warn.cache_clear()
    return tally


def named() -> Tally:
    """Bad inputs by name: each is refused, by a line that has the word given."""
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        for what, call, word in _named(Path(folder)):
            tally.tried += 1
            try:
                call()
                tally.unequal += 1
                tally.note(f"{what}: taken")
            except BadInput as error:
                if word not in str(error) or len(str(error).splitlines()) != 1:
                    tally.unequal += 1
                    tally.note(f"{what}: {error}")
            except Exception as error:
                tally.tracebacks += 1
                tally.note(f"{what}: {error!r}")
    return tally


Case = tuple[str, Callable[[], object], str]
BAD: dict[str, tuple[str, ...]] = {  # values that do not fit, by column
    "accuracy accuracy_top3 accuracy_top5 accuracy_before_training": (
        *("", "nan", "inf", "-1", "100.1", "much", "1,5", "1_0", "0x1"),
    ),
    "density": ("", "nan", "1.5", "-0.1", "x"),
    "density_requested": ("nan", "2", "x"),
    "seed": ("", "-1", "1.5", "x", "9" * 40),
    "search_seconds train_seconds search_epochs train_epochs": ("", "nan", "-1", "x", "1e999"),
    "params_prunable": ("", "0", "-1", "1.5"),
    "params_kept protocol": ("", "-1", "1.5"),
    "mask_sha256": ("", "xyz", "A" * 64, "0" * 63),
    "cell_key": ("", "xyz", "0" * 15, "../0"),
    "method": ("", "../up", "a b", "1a", "a/b", "a\0"),
    "model dataset preset": ("", "../up", "a/b", "a b"),
    "ablation": ("", "inverted", "None"),
    "pruned_at": ("", "start"),
    "layers_emptied": ("-1", "x"),
    "accuracy_soft_gates validation": ("nan", "101", "x"),
    "source": ("a b", "../x"),
    "device torch version commit options": ("a\0b", "a\x1bb", "\x7f"),
}


def _named(folder: Path) -> Iterator[Case]:
    for columns, values in BAD.items():
        for column in columns.split():
            for value in values:
                call = partial(_store, folder / "t.csv", column, value)
                yield f"{column} {value!r}", call, column
    for text in ("-1", "1.5", "x", "", "1e3", "9" * 30, "\u0663"):
        yield f"seed {text}", partial(parse_seeds, [text]), "seed"
    for text in ("0", "-1", "x", "1.5", "9" * 30):
        yield f"jobs {text}", partial(parse_jobs, text), "jobs"
    for text in ("0", "soon", "-1m", "1d", "m"):
        yield f"budget {text}", partial(parse_duration, text), "budget"
    yield from _named_tickets(folder)


def _store(path: Path, column: str, value: str) -> object:
    path.unlink(missing_ok=True)
    names = [*row("a")]
    good = row("a", **{column: "SPOILT"})
    head, line = ",".join(names), ",".join(good[name] for name in names)
    quoted = f'"{value}"' if "," in value else value
    path.write_text(f"{head}\n{line}\n{line}\n".replace("SPOILT", quoted), "utf-8")
    return Store(path)


def _named_tickets(folder: Path) -> Iterator[Case]:
    network = build("lenet-300-100", (1, 8, 8), 10, 0)
    mask = Mask.top(network.layout, network.weights.abs(), 0.1)
    said = {"model": "lenet-300-100", "dataset": "digits"}
    path = folder / "t.safetensors"

    def case(word: str, ticket: Ticket) -> Case:
        def call() -> object:
            ticket.save(path)
            return rebuild(read(path))

        return f"ticket with another {word}", call, word

    for name, value in (
        *(("model", "x"), ("model", "../x"), ("dataset", "x"), ("dataset", "")),
        *(("kept", "x"), ("kept", "-1"), ("kept", "nan"), ("kept", "0"), ("weights", "x")),
        *(("norm_scale", "x"), ("model", "vit_mini"), ("dataset", "cifar10")),
    ):
        word = "layout" if value in ("vit_mini", "cifar10") else name
        yield case(word, Ticket(mask, 0, provenance={**said, name: value}))
    for wrong in (None, network.rest[1:], torch.zeros(0)):
        yield case("rest", Ticket(mask, 0, network.weights, wrong, provenance=said))
    yield case("scores", Ticket(mask, 0, scores=network.weights[1:], provenance=said))
    yield case("weights", Ticket(mask, 0, network.weights.half(), network.rest, provenance=said))
    yield case("model", Ticket(mask, 0, provenance={"dataset": "digits"}))
