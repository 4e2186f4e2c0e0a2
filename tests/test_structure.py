"""The shape of the code: layers, cycles, sizes, forbidden constructs, light imports, and docs that name what exists.

Every checker takes its material as an argument and returns the offenses in it, so each is also tested on bad material.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import importlib.util
import re
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "src" / "vitrail"
ORACLES = REPOSITORY / "tests" / "oracles"
DOCS = REPOSITORY / "docs"

# Low to high: a module imports only from its own package and from what stands above it here.
# "" is vitrail/__init__.py, the table of contents: only the command line stands higher.
LAYERS = (
    *("errors", "status", "count", "options", "data", "patterns", "numerics", "network", "domains", "cells", "engines"),
    *(
        "account",
        "source",
        "merging",
        "exact_facets",
        "facets",
        "shapes",
        "partition",
        "plots",
        "files",
        "regions",
        "search",
        "walking",
        "boundaries",
        "local",
        "certification",
        "bounds",
        "balls",
        "constructions",
        "estimates",
        "store",
    ),
    *("probes", "studies", "explore", "", "cli", "__main__"),
)
MODULE_LINES, MEDIAN_LINES, FUNCTION_LINES = 400, 150, 60
HEAVY = ("torch", "numba", "matplotlib", "onnx", "pandas")


@dataclasses.dataclass(frozen=True)
class Module:
    """One source file: its dotted name, its text, and whether it is a package's __init__."""

    name: str
    source: str
    is_package: bool = False

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @property
    def layer(self) -> str:
        return self.name.partition(".")[2].partition(".")[0]


def read_modules(package: Path) -> list[Module]:
    modules = []
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        modules.append(Module(".".join(parts[:-1] if is_package else parts), path.read_text("utf-8"), is_package))
    return modules


MODULES = read_modules(PACKAGE)


# ---- layers and cycles ---------------------------------------------------------------------------------------------


def imported_names(module: Module) -> Iterator[tuple[str, int]]:
    """Every dotted name that the module imports, wherever the import stands, with its line; `from a import b`: a.b."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.name.split(".")
                kept = parts[: len(parts) - node.level + module.is_package]
                base = ".".join([*kept, base] if base else kept)
            yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)


def imports_within(module: Module, known: set[str]) -> Iterator[tuple[str, int]]:
    """The modules among `known` that the module imports; a name inside a module counts as that module."""
    for name, line in imported_names(module):
        while name and name not in known:
            name = name.rpartition(".")[0]
        if name and name != module.name:
            yield name, line


def layer_offenses(modules: Iterable[Module]) -> list[str]:
    modules = list(modules)
    layer_of = {module.name: module.layer for module in modules}
    found = []
    for module in modules:
        if module.layer not in LAYERS:
            found.append(f"{module.name}: not in LAYERS; give it its place there")
            continue
        for target, line in imports_within(module, set(layer_of)):
            above = layer_of[target]
            if above != module.layer and above in LAYERS and LAYERS.index(above) > LAYERS.index(module.layer):
                found.append(f"{module.name}:{line} imports {target}, which stands higher")
    return found


def import_cycles(modules: Iterable[Module]) -> list[str]:
    """The sets of modules that reach each other through imports, each once."""
    modules = list(modules)
    known = {module.name for module in modules}
    direct = {module.name: {target for target, _ in imports_within(module, known)} for module in modules}

    def reach(start: str) -> set[str]:
        seen: set[str] = set()
        todo = list(direct[start])
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo += direct[name]
        return seen

    reached = {name: reach(name) for name in direct}
    rings = {frozenset(b for b in reached[a] if a in reached[b]) for a in direct if a in reached[a]}
    return sorted(" <-> ".join(sorted(ring)) for ring in rings)


def test_layers_point_one_way() -> None:
    assert layer_offenses(MODULES) == []


def test_no_import_cycles() -> None:
    assert import_cycles(MODULES) == []


def oracle_offenses(modules: Iterable[Module]) -> list[str]:
    """What the oracles import of the package at or above the layer of the cells: then they would not be independent."""
    free = LAYERS[: LAYERS.index("cells")]
    return [
        f"{module.name}:{line} imports {name}"
        for module in modules
        for name, line in imported_names(module)
        if name.partition(".")[0] == "vitrail" and name.partition(".")[2].partition(".")[0] not in free
    ]


def test_oracles_are_independent() -> None:
    assert oracle_offenses(read_modules(ORACLES)) == []


@pytest.mark.parametrize(
    "source", ["from vitrail.cells import polygon", "import vitrail", "def f():\n    from vitrail import engines\n"]
)
def test_oracle_check_sees(source: str) -> None:
    assert len(oracle_offenses([Module("oracles.a", source)])) == 1
    assert oracle_offenses([Module("oracles.a", "from vitrail.network import graph\nimport numpy")]) == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("vitrail.cells.polygon", "from vitrail.engines import refine"),
        ("vitrail.cells.polygon", "def f():\n    import vitrail.engines.refine\n"),
        ("vitrail.cells.polygon", "from ..engines.refine import refine"),
        ("vitrail.cells.polygon", "if TYPE_CHECKING:\n    from vitrail import engines\n"),
        ("vitrail.cells.polygon", "from vitrail import __version__"),
        ("vitrail.regions", "import vitrail"),
        ("vitrail.utilities", ""),
    ],
)
def test_layer_check_sees(name: str, source: str) -> None:
    others = [Module("vitrail", "", True), Module("vitrail.engines", "", True), Module("vitrail.engines.refine", "")]
    assert len(layer_offenses([*others, Module(name, source)])) == 1


def test_layer_check_allows_what_points_up() -> None:
    low = Module("vitrail.errors", "class VitrailError(Exception): ...")
    good = Module("vitrail.cells.polygon", "from ..errors import VitrailError\nfrom .. import errors\nimport numpy\n")
    assert layer_offenses([Module("vitrail", "from vitrail.cells import polygon", True), low, good]) == []


@pytest.mark.parametrize("back", ["import vitrail.a", "def f():\n    from vitrail.a import g\n", "from . import a"])
def test_cycle_check_sees(back: str) -> None:
    chain = [Module("vitrail.a", "from vitrail.b import g"), Module("vitrail.b", "import vitrail.c")]
    assert import_cycles([*chain, Module("vitrail.c", back)]) == ["vitrail.a <-> vitrail.b <-> vitrail.c"]
    assert import_cycles([*chain, Module("vitrail.c", "import numpy")]) == []


def test_cycle_check_sees_a_package_and_its_member() -> None:
    ring = [Module("vitrail.a", "from vitrail.a.b import f", True), Module("vitrail.a.b", "from vitrail.a import g")]
    assert import_cycles(ring) == ["vitrail.a <-> vitrail.a.b"]


# ---- sizes ---------------------------------------------------------------------------------------------------------


def function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function from `def` to its end without those of its docstring, which is asked to be long."""
    total = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node, clean=False) is None:
        return total
    return total - ((node.body[0].end_lineno or 0) - node.body[0].lineno + 1)


def size_offenses(modules: Iterable[Module]) -> list[str]:
    found = []
    for module in modules:
        lines = len(module.source.splitlines())
        if lines > MODULE_LINES:
            found.append(f"{module.name}: {lines} lines")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and function_lines(node) > FUNCTION_LINES:
                found.append(f"{module.name}:{node.lineno} {node.name}: {function_lines(node)} lines without docstring")
    return found


def test_modules_and_functions_are_short() -> None:
    assert size_offenses(MODULES) == []


def test_median_module_is_short() -> None:
    assert statistics.median(len(module.source.splitlines()) for module in MODULES) <= MEDIAN_LINES


def test_size_check_sees() -> None:
    body = "    x = 1\n"
    assert size_offenses([Module("vitrail.a", "\n" * MODULE_LINES)]) == []
    assert len(size_offenses([Module("vitrail.a", "\n" * (MODULE_LINES + 1))])) == 1
    assert size_offenses([Module("vitrail.a", "def f():\n" + body * (FUNCTION_LINES - 1))]) == []
    assert len(size_offenses([Module("vitrail.a", "def f():\n" + body * FUNCTION_LINES)])) == 1
    documented = "async def f():\n    '''a" + "\n" * 99 + "'''\n"
    assert size_offenses([Module("vitrail.a", documented + body * (FUNCTION_LINES - 1))]) == []
    assert len(size_offenses([Module("vitrail.a", documented + body * FUNCTION_LINES)])) == 1


# ---- forbidden constructs ------------------------------------------------------------------------------------------

FORBIDDEN_MODULES = (
    *("pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"),  # run code from data
    *("socket", "urllib.request", "http.client", "requests", "httpx", "ftplib"),  # reach the network
)
FORBIDDEN_CALLS = (
    *("eval", "exec", "compile", "__import__", "print", "torch.load", "torch.save", "torch.hub.load"),
    *("yaml.load", "yaml.unsafe_load", "yaml.full_load", "os.system"),
)
FORBIDDEN_METHODS = ("read_pickle", "to_pickle")


def aliases(tree: ast.Module) -> dict[str, str]:
    """What each imported name in the module stands for, as a dotted name."""
    table = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    table[alias.asname] = alias.name
        elif isinstance(node, ast.ImportFrom) and not node.level:
            table |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return table


def dotted(node: ast.expr, table: Mapping[str, str]) -> str:
    """The dotted name that an expression spells, with imported names spelled out; empty where it is something else."""
    if isinstance(node, ast.Name):
        return table.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        base = dotted(node.value, table)
        return f"{base}.{node.attr}" if base else ""
    return ""


def names_forbidden_module(name: str) -> bool:
    return any(name == bad or name.startswith(f"{bad}.") for bad in FORBIDDEN_MODULES)


def construct_offenses(module: Module) -> list[str]:
    found = []
    table = aliases(module.tree)
    for name, line in imported_names(module):
        if names_forbidden_module(name):
            found.append(f"{module.name}:{line} imports {name}")
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Assert):
            found.append(f"{module.name}:{node.lineno} assert: raise an error of vitrail.errors")
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            name = dotted(node, table).removeprefix("builtins.")
            method = node.attr if isinstance(node, ast.Attribute) else ""
            if name in FORBIDDEN_CALLS or method in FORBIDDEN_METHODS or (method and names_forbidden_module(name)):
                found.append(f"{module.name}:{node.lineno} uses {name or method}")
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
            found.append(f"{module.name}:{node.value.lineno} allow_pickle is not the constant False")
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_no_forbidden_constructs(module: Module) -> None:
    assert construct_offenses(module) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "def f():\n    from pickle import loads\n",
        "import joblib.memory",
        "from urllib import request",
        "eval('1')",
        "exec(text)",
        "run = eval",
        "from builtins import eval as e\ne('1')",
        "import torch\ntorch.load(path)",
        "import torch as t\nt.load(path)",
        "from torch import load as read\nread(path)",
        "import yaml\nyaml.load(text)",
        "numpy.load(path, allow_pickle=True)",
        "numpy.load(path, allow_pickle=trusted)",
        "frame.to_pickle(path)",
        "(a + b).to_pickle(path)",
        "def f(x):\n    assert x > 0\n",
        "print(1)",
    ],
)
def test_construct_check_sees(source: str) -> None:
    assert construct_offenses(Module("vitrail.a", source)) != []


def test_construct_check_allows() -> None:
    source = (
        "'''Never pickle, eval or print().'''\nimport numpy as np, torch, re\nfrom urllib.parse import quote\n"
        "model.eval()\nnp.load(path, allow_pickle=False)\nre.compile('a')\nconsole.print(1)\n"
        "safetensors.torch.load(data)\n"
    )
    assert construct_offenses(Module("vitrail.a", source)) == []


# ---- tolerances ----------------------------------------------------------------------------------------------------

SMALL = 1 / 8192  # smaller positive literals are tolerances until shown otherwise


def tolerance_offenses(module: Module) -> list[str]:
    """Literals such as 1e-9, 0.0000001, 10**-9 or 2**-52, and the machine's epsilon, outside vitrail.numerics."""
    if module.name.startswith("vitrail.numerics"):
        return []
    found = []
    table = aliases(module.tree)
    text = module.source.splitlines()
    for node in ast.walk(module.tree):
        bad = False
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            written = text[node.lineno - 1].encode()[node.col_offset : node.end_col_offset].decode()
            bad = 0 < node.value < SMALL or bool(re.search(r"e-\d", written, re.IGNORECASE))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            power = node.right
            bad = isinstance(node.left, ast.Constant) and isinstance(power, ast.UnaryOp)
            bad = bad and isinstance(power.op, ast.USub) and isinstance(power.operand, ast.Constant)
        elif isinstance(node, ast.Attribute) and node.attr in ("eps", "epsilon", "smallest_normal", "tiny"):
            owner = node.value.func if isinstance(node.value, ast.Call) else node.value
            bad = dotted(owner, table).rpartition(".")[2] in ("finfo", "float_info")
        if bad:
            found.append(f"{module.name}:{node.lineno} {ast.unparse(node)}: tolerances live in vitrail.numerics")
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_no_tolerances_outside_numerics(module: Module) -> None:
    assert tolerance_offenses(module) == []


@pytest.mark.parametrize(
    "source",
    [
        *("x = 1e-9", "x = 2.5E-7", "x = 5e-1", "x = 0.00000001", "def f(tolerance=1e-12): ..."),
        *("x = 10**-9", "x = 2.0 ** -52", "é = 'ééé'; x = 1e-9", "sys.float_info.epsilon"),
        *("import numpy as np\nnp.finfo(np.float64).eps", "from numpy import finfo\nfinfo(float).eps"),
    ],
)
def test_tolerance_check_sees(source: str) -> None:
    assert len(tolerance_offenses(Module("vitrail.a", source))) == 1
    assert tolerance_offenses(Module("vitrail.numerics.bounds", source)) == []


def test_tolerance_check_allows() -> None:
    source = "'''about 1e-9'''\n# 1e-9\nx = 0.001 + 1e9 + 0.0\ny = z**-1\nnode.eps\nnp.finfo(np.float64).max\n"
    assert tolerance_offenses(Module("vitrail.a", source)) == []


# ---- light imports -------------------------------------------------------------------------------------------------


def heavy_modules_after(code: str) -> list[str]:
    """Run code in a fresh interpreter and say which of the slow libraries are loaded at its end."""
    ending = f"\nimport sys\nsys.stderr.write('LOADED ' + ' '.join(m for m in {HEAVY!r} if m in sys.modules) + '\\n')"
    done = subprocess.run(
        [sys.executable, "-c", code + ending], capture_output=True, text=True, timeout=120, check=False
    )
    reports = [line for line in done.stderr.splitlines() if line.startswith("LOADED")]
    assert done.returncode == 0 and len(reports) == 1, done.stderr
    return reports[0].split()[1:]


def test_import_is_light() -> None:
    assert heavy_modules_after("import vitrail; dir(vitrail); vitrail.__all__") == []


def test_help_is_light() -> None:
    code = """
import contextlib, io, sys
from vitrail.cli import main
sys.argv = ["vitrail", "--help"]
shown = io.StringIO()
with contextlib.redirect_stdout(shown):
    try:
        main()
    except SystemExit as end:
        if end.code not in (0, None):
            raise
if "regions" not in shown.getvalue():
    raise RuntimeError("no help was shown")
"""
    assert heavy_modules_after(code) == []


def test_light_import_check_sees() -> None:
    assert heavy_modules_after("import pandas") == ["pandas"]
    with pytest.raises(AssertionError, match="No module named"):
        heavy_modules_after("import no_such_module_at_all")


# ---- docs name what exists -----------------------------------------------------------------------------------------

OWN_FOLDERS = ("src", "tests", "docs", "examples", "benchmarks", ".ci")
SOURCE_SUFFIXES = (".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".npz")


def quoted_in(page: str) -> list[str]:
    """What stands in single backticks on a page, outside code blocks."""
    prose = re.sub(r"^(```|~~~).*?^\1", "", page, flags=re.MULTILINE | re.DOTALL)
    prose = "\n".join(line for line in prose.splitlines() if not line.startswith("    "))
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", prose)


def is_path_of_ours(text: str) -> bool:
    if not re.fullmatch(r"\.?\w[\w.-]*(/[\w.-]+)*/?", text):
        return False
    first = text.split("/")[0]
    if "/" not in text:
        return text.endswith((".py", ".md", ".toml"))
    return first in OWN_FOLDERS or text.endswith(SOURCE_SUFFIXES) or (text.endswith("/") and (PACKAGE / first).exists())


def path_exists(text: str) -> bool:
    if "/" in text:
        return any((base / text).exists() for base in (REPOSITORY, PACKAGE, DOCS))
    if any((REPOSITORY / folder / text).exists() for folder in (".", *OWN_FOLDERS)):
        return True
    return any(True for folder in ("src", "tests") for _ in (REPOSITORY / folder).rglob(text))


def own_dotted_name(text: str) -> str:
    """The dotted name that a quotation begins with, from `vitrail` on; empty where it is not one of ours.

    Besides `vitrail.x.y` that is `Class.attribute` of a public class; another first word is an example's variable.
    """
    match = re.match(r"(?:import |from )?([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)", text)
    if not match or is_path_of_ours(text):
        return ""
    name = match.group(1)
    first = name.split(".")[0]
    if first == "vitrail":
        return name
    public = getattr(importlib.import_module("vitrail"), "__all__", ())
    return f"vitrail.{name}" if first[0].isupper() and first in public else ""


def name_exists(name: str) -> bool:
    """Whether a dotted name leads to a module, or from one to an attribute or a declared field."""
    parts = name.split(".")
    length = 1
    while length < len(parts) and importlib.util.find_spec(".".join(parts[: length + 1])) is not None:
        length += 1
        if not hasattr(importlib.import_module(".".join(parts[:length])), "__path__"):
            break
    value: object = importlib.import_module(".".join(parts[:length]))
    for part in parts[length:]:
        if hasattr(value, part):
            value = getattr(value, part)
        elif isinstance(value, type) and any(part in vars(base).get("__annotations__", {}) for base in value.__mro__):
            return part == parts[-1]
        else:
            return False
    return True


def doc_offenses(page: str) -> list[str]:
    found = []
    for text in quoted_in(page):
        if is_path_of_ours(text) and not path_exists(text):
            found.append(f"no file {text}")
        name = own_dotted_name(text)
        if name and not name_exists(name):
            found.append(f"no name {name}")
    return found


PAGES = sorted([*DOCS.rglob("*.md"), REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md"])


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_docs_name_what_exists(page: Path) -> None:
    assert doc_offenses(page.read_text("utf-8")) == []


@pytest.mark.parametrize("text", ["src/vitrail/nowhere.py", "engines/nowhere.py", "docs/nowhere/", "nowhere.md"])
def test_doc_check_sees_missing_files(text: str) -> None:
    assert doc_offenses(f"See `{text}`.") == [f"no file {text}"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("vitrail.nowhere", "vitrail.nowhere"),
        ("vitrail.errors.Nowhere", "vitrail.errors.Nowhere"),
        ("Network.nowhere", "vitrail.Network.nowhere"),
        ("vitrail.status.Status.NOWHERE", "vitrail.status.Status.NOWHERE"),
        ("vitrail.data.nowhere(path)", "vitrail.data.nowhere"),
    ],
)
def test_doc_check_sees_missing_names(text: str, name: str) -> None:
    assert doc_offenses(f"Call `{text}`.") == [f"no name {name}"]


def test_doc_check_allows() -> None:
    page = """
`src/vitrail/errors.py`, `errors.py`, `docs/glossary.md`, `vitrail.status.Status.EXACT`, `A x <= b`,
`vitrail.data.digits_samples()`, `numpy.nowhere`, `regions.plot()`, `a/N`, `demo/plane.png`, `model.onnx`,
`../shared/data`, `vitrail regions`
```
`src/vitrail/nowhere.py`
```
    `src/vitrail/nowhere.py`
"""
    assert doc_offenses(page) == []
