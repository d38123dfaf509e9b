"""python -m benchmarks leaderboard DIR ...: verdicts of many methods as one ranking."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import tyro

from benchmarks.cli.report import ABOUT, Part, html
from benchmarks.cli.terminal import show
from benchmarks.judge.leaderboard import Entry, entry, leaderboards
from benchmarks.judge.submission import ROWS, VERDICT, problems
from benchmarks.judge.tables import markdown
from benchmarks.judge.verdict_file import NoVerdict, read_verdict
from benchmarks.results.store import warn
from lottery.core.command_line import run_command
from lottery.core.errors import BadInput
from lottery.core.files import write_text


@dataclass(frozen=True)
class Options:
    """Rank the methods of submissions, and of verdicts in results folders, as a page.

    A submission that does not pass check-submission is left out, with a warning.
    """

    folders: tyro.conf.Positional[tuple[Path, ...]] = (Path("results"),)
    """Folders to look for verdicts in, subfolders too."""
    out: Path = Path("results/leaderboard")
    """Folder to write leaderboard.md and leaderboard.html to."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; exit status 0, or 2 with one line."""
    return run_command(_main, Options, "python -m benchmarks leaderboard", arguments)


def _main(options: Options) -> int:
    entries = [each for folder in options.folders for each in find_entries(folder)]
    if not entries:
        folders = ", ".join(map(str, options.folders))
        raise BadInput(f"there is no verdict in {folders}; python -m benchmarks compare makes one")
    boards = leaderboards(entries)
    parts = [
        Part(f"board-{i}", section.heading, [replace(section, heading="ranking")], [], provenance)
        for i, (section, provenance) in enumerate(boards)
    ]
    sections = [section for section, _ in boards]
    write_text(options.out / "leaderboard.md", markdown(sections))
    write_text(options.out / "leaderboard.html", html(parts, "Lottery tickets: leaderboard", ABOUT))
    show(sections, options.out / "leaderboard.md")
    print(f"page: {options.out / 'leaderboard.html'}")
    return 0


def find_entries(folder: Path) -> Iterator[Entry]:
    """The verdicts in a folder and below it; other JSON files are passed over.

    Raises:
        BadInput: there is no such folder.
    """
    if not folder.is_dir():
        raise BadInput(f"there is no folder {folder}")
    for path in sorted(folder.rglob("*.json")):
        try:
            verdict = read_verdict(path)
            verified = path.name == VERDICT and (path.parent / ROWS).exists()
            if verified and (found := problems(path.parent)):
                raise BadInput("; ".join(found))
            yield entry(path, verdict, verified=verified)
        except BadInput as error:
            if path.name == VERDICT or not isinstance(error, NoVerdict):
                warn(f"{path} is left out: {error}")
