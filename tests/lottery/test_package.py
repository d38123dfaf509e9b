"""What `import lottery` gives, and what it does not wait for."""

import subprocess
import sys

import pytest

import lottery
import lottery.core.layout
import lottery.core.mask
import lottery.core.network
import lottery.core.ticket
import lottery.search.registry


def test_public_names() -> None:
    assert lottery.Layout is lottery.core.layout.Layout
    assert lottery.Mask is lottery.core.mask.Mask
    assert lottery.Network is lottery.core.network.Network
    assert lottery.Ticket is lottery.core.ticket.Ticket
    assert lottery.method is lottery.search.registry.method
    assert lottery.objective is lottery.search.registry.objective
    assert set(lottery.__all__) == set("Layout Mask Network Ticket method objective".split())


def test_an_unknown_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'mask_of'"):
        lottery.mask_of  # noqa: B018


def test_importing_the_package_does_not_import_torch() -> None:
    code = "import sys, lottery, lottery.core.errors; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    code = "import sys, lottery; lottery.Mask; sys.exit('torch' not in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_lottery_imports_nothing_above_it() -> None:
    code = (
        "import sys, lottery.search.cts, lottery.search.crbg, lottery.models.zoo\n"
        "above = {'baselines', 'benchmarks', 'plots'} & set(sys.modules)\n"
        "sys.exit(' '.join(above) if above else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
