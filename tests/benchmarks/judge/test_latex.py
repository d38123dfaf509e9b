"""LaTeX that compiles into a column as it is."""

import re

from benchmarks.judge.tables.latex import escaped, latex
from benchmarks.judge.tables.sections import Section, Table

HEADERS = [*("method", "model", "dataset", "sparsity", "accuracy %", "paper %", "epochs", "seeds")]
LINES = [
    ["CTS-KL", "resnet20", "cifar10", "98.2%", "81.0 ± 0.2", "81.7", "320", "3"],
    ["LTR", "resnet20", "cifar10", "98.2%", "82.5 ± 1.1", "83.5", "-", "3"],
    ["CTS_KL & co", "resnet20", "cifar10", "99.3%", "not yet run", "74.0", "-", "3"],
]
TEXT = latex([Section("CTS Table II", (Table(HEADERS, LINES),), ("a note at 100%",))], "paper-t2")


def test_a_table_has_all_that_a_paper_needs() -> None:
    assert TEXT.startswith("% \\usepackage{booktabs}\n")
    assert "\\begin{table}[t]" in TEXT, "a column wide"
    assert "\\label{tab:paper-t2-1}" in TEXT
    assert "\\caption{CTS Table II. All: model ResNet-20, dataset CIFAR-10, seeds 3." in TEXT
    for name in ("table", "tabular"):
        assert TEXT.count(f"\\begin{{{name}}}") == TEXT.count(f"\\end{{{name}}}") == 1
    assert TEXT.replace("\\{", "").count("{") == TEXT.replace("\\}", "").count("}")


def test_every_line_has_as_many_cells_as_the_columns() -> None:
    (spec,) = re.findall(r"\\begin\{tabular\}\{@\{\}(.*)@\{\}\}", TEXT)
    assert spec == r"lrr@{$\,\pm\,$}lr"
    body = TEXT[TEXT.index("\\toprule") : TEXT.index("\\bottomrule")]
    for line in re.findall(r"(.*) \\\\", body):
        spans = [int(n) - 1 for n in re.findall(r"\\multicolumn\{(\d)\}", line)]
        assert len(re.split(r"(?<!\\)&", line)) + sum(spans) == 5, line


def test_numbers_are_bare_and_the_best_of_a_sparsity_is_bold() -> None:
    assert "LTR & 98.2 & \\textbf{82.5} & 1.1 & 83.5 \\\\" in TEXT
    assert "CTS-KL & 98.2 & 81.0 & 0.2 & 81.7 \\\\" in TEXT
    assert r"CTS\_KL \& co & 99.3 & \multicolumn{2}{c}{--} & 74.0 \\" in TEXT
    assert "% a note at 100%" in TEXT


def test_a_table_of_many_columns_is_a_page_wide() -> None:
    wide = Table(["method", *(f"{90 + i}.0%" for i in range(9))], [["SNIP", *["61.8 ± 1.0"] * 9]])
    assert "\\begin{table*}[t]" in latex([Section("x", (wide,))], "x")


def test_long_texts_are_broken() -> None:
    claims = Table(["claim", "verdict"], [["a sentence of many words " * 3, "holds"]])
    assert r"\begin{tabular}{@{}p{1.3in}l@{}}" in latex([Section("x", (claims,))], "x")


def test_what_latex_takes_for_its_own_is_escaped() -> None:
    assert escaped("a_b & 50% #1 {x} ~^\\ λ") == (
        r"a\_b \& 50\% \#1 \{x\} \textasciitilde{}\textasciicircum{}\textbackslash{} $\lambda$"
    )
