"""What a suite is made of: blocks of lines."""

from dataclasses import dataclass

from benchmarks.plan.cell import Cell
from benchmarks.plan.printed import Printed


@dataclass(frozen=True)
class Line:
    """One line of a table.

    Attributes:
        label: the method as the table names it.
        cell: the cell for seed 0; None for a line that is only printed beside the others.
        printed: what the paper prints here; None where it prints nothing.
        explained: why the printed value is another method's or setting's, if it is.
    """

    label: str
    cell: Cell | None
    printed: Printed | None = None
    explained: str = ""


@dataclass(frozen=True)
class Block:
    """The lines of one paper's table, or of one panel of its figure.

    Attributes:
        table: number of the table or figure, e.g. "II" or "Fig. 2".
        shown: "lines", one per cell; "densities", one column each; or "layers", one row each.
        objective: shown by density in place of accuracy; empty for accuracy.
        dataset: as the paper names it.
        model: likewise, where the figure is of one alone that the preset may leave out.
        drawn: whether the accuracy of tickets as they were drawn is shown too.
    """

    paper: str
    table: str
    title: str
    lines: tuple[Line, ...]
    shown: str = "lines"
    objective: str = ""
    dataset: str = "cifar10"
    model: str = ""
    drawn: bool = False

    @property
    def tickets(self) -> list[Line]:
        """The lines without those of ablations, which only serve to judge them."""
        return [line for line in self.lines if line.cell is None or line.cell.ablation == "none"]
