"""Files that are whole or absent."""

import os
import platform
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock

from lottery.core.errors import BadInput

HOST = re.sub(r"\W", "-", platform.node()) or "host"
LEFT = re.compile(r"\..+\.(?P<host>[\w-]+)\.(?P<process>\d+)\.tmp")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, renamed to it when the block ends and removed if it fails.

    The folder is made if it is not there. A symbolic link is followed: what it leads to is
    replaced. Whoever may read a new file of this process may read this one.

    Raises:
        BadInput: something stands at the path that is no regular file.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise BadInput(f"{path} is no regular file and is not replaced")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{HOST}.{os.getpid()}.tmp")
    try:
        temporary.touch()
        mode = stat.S_IMODE(temporary.stat().st_mode)  # as the umask has it
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(mode)  # safetensors makes files for their owner alone
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def sweep(*folders: Path) -> None:
    """Remove the temporary files that killed processes of this machine left in folders."""
    for folder in folders:
        for path in folder.glob(".*.tmp"):
            left = LEFT.fullmatch(path.name)
            if left and left["host"] == HOST and not _lives(int(left["process"])):
                with suppress(OSError):  # another process may do the same
                    path.unlink()


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode())


def require_writable(kind: str, folder: Path) -> None:
    """Make a folder if it is not there.

    Raises:
        BadInput: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:  # a NUL in a path is a ValueError
        raise BadInput(f"{kind} folder {folder} cannot be written: {error}") from error


def lock_file(path: Path) -> BaseFileLock:
    """A lock that the system frees when its process ends, however it ends; others who share the
    folder may take it too."""
    return FileLock(path, mode=0o666)
