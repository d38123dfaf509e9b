"""Files are whole or absent, of the right mode, and never what somebody else put there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lottery.core import files
from lottery.core.errors import BadInput
from lottery.core.files import replacing, sweep, write_text


def test_a_file_is_whole_or_absent_and_as_the_umask_has_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "t.txt"
    before = os.umask(0o027)
    try:
        write_text(path, "é")
        with replacing(path.with_name("private")) as temporary:
            temporary.write_bytes(b"1")
            temporary.chmod(0o600)
    finally:
        os.umask(before)
    assert path.read_bytes() == "é".encode()
    assert {p.stat().st_mode & 0o777 for p in path.parent.iterdir()} == {0o640}
    with pytest.raises(FileNotFoundError), replacing(path) as temporary:
        temporary.rename(tmp_path / "elsewhere")
    assert path.read_bytes() == "é".encode()
    assert len(list(path.parent.iterdir())) == 2


def test_what_a_link_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


@pytest.mark.parametrize("kind", ["folder", "fifo", "device"])
def test_what_is_no_regular_file_is_not_replaced(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "t"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/null")
    with pytest.raises(BadInput, match="no regular file and is not replaced"):
        write_text(path, "x")
    assert path.exists()
    assert len(list(tmp_path.iterdir())) == 1


def test_what_killed_processes_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead = tmp_path / f".t.csv.{files.HOST}.{ended.pid}.tmp"
    others = [
        tmp_path / f".t.csv.{files.HOST}.{os.getpid()}.tmp",
        tmp_path / f".t.csv.elsewhere.{ended.pid}.tmp",
        tmp_path / ".mine.tmp",
        tmp_path / f"t.csv.{files.HOST}.{ended.pid}.tmp",
    ]
    for path in (dead, *others):
        path.touch()
    sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(others)
