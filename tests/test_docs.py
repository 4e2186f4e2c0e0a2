"""The examples of README.md and docs/: Python blocks run and print what their comments say, commands work."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot
import onnx
import pytest

from vitrail.cli import main
from vitrail.data import digits_network_path

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = sorted([*(REPOSITORY / "docs").rglob("*.md"), REPOSITORY / "README.md"])
# `print(...)  # expected`
PRINTED = re.compile(r"^\s*print\(.*\)  # (.*)$")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, its text, and the line it starts at."""

    language: str
    text: str
    line: int


def blocks_of(page: str) -> list[Block]:
    found = []
    for match in re.finditer(r"^```(\w+)\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL):
        found.append(Block(match[1], match[2], page.count("\n", 0, match.start()) + 2))
    return found


def commands_of(text: str) -> list[list[str]]:
    """The arguments of every line that calls vitrail."""
    return [shlex.split(line)[1:] for line in text.splitlines() if line.split()[:1] == ["vitrail"]]


def run_python(block: Block, name: str, namespace: dict[str, object]) -> None:
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        exec(compile("\n" * (block.line - 1) + block.text, name, "exec"), namespace)
    expected = [match[1] for line in block.text.splitlines() if (match := PRINTED.match(line))]
    assert block.text.count("print(") == len(expected), f"{name}:{block.line}: a print without its `# expected`"
    assert shown.getvalue().splitlines() == expected, f"{name}:{block.line}"


def run_page(page: str, name: str) -> int:
    """Run the Python blocks and commands of a page in order, in one namespace; return how many ran."""
    namespace: dict[str, object] = {"__name__": "example"}
    ran = 0
    for block in blocks_of(page):
        if block.language == "python":
            run_python(block, name, namespace)
            ran += 1
        elif block.language == "sh":
            for arguments in commands_of(block.text):
                shown = io.StringIO()
                with contextlib.redirect_stdout(shown):
                    code = main(arguments)
                assert code == 0, f"{name}: vitrail {shlex.join(arguments)} returned {code}"
                assert shown.getvalue(), f"{name}: vitrail {shlex.join(arguments)} printed nothing"
                ran += 1
    return ran


def write_onnx(path: Path) -> None:
    """A linear layer and a ReLU."""
    nodes = [onnx.helper.make_node("Gemm", ["x", "w"], ["z"]), onnx.helper.make_node("Relu", ["z"], ["y"])]
    kind = onnx.TensorProto.FLOAT
    ends = [[onnx.helper.make_tensor_value_info(name, kind, [1, 2])] for name in ("x", "y")]
    weight = onnx.helper.make_tensor("w", kind, [2, 2], [1.0, 2.0, -3.0, 0.5])
    graph = onnx.helper.make_graph(nodes, "small", ends[0], ends[1], [weight])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)]), str(path))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with the files that the examples take as the reader's own."""
    monkeypatch.chdir(tmp_path)
    matplotlib.pyplot.switch_backend("Agg")
    write_onnx(tmp_path / "model.onnx")
    shutil.copy(digits_network_path(), tmp_path / "digits.npz")
    return tmp_path


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_examples_run(path: Path, folder: Path) -> None:
    page = path.read_text("utf-8")
    blocks = [block for block in blocks_of(page) if block.language in ("python", "sh")]
    assert (run_page(page, path.name) > 0) == bool(blocks)
    matplotlib.pyplot.close("all")


def test_readme_has_examples(folder: Path) -> None:
    page = (REPOSITORY / "README.md").read_text("utf-8")
    blocks = blocks_of(page)
    assert sum(block.language == "python" for block in blocks) >= 2
    commands = [arguments for block in blocks if block.language == "sh" for arguments in commands_of(block.text)]
    assert {arguments[0] for arguments in commands} == {"info", "regions", "at", "bounds", "local"} and len(
        commands
    ) >= 5
    made = [line.split()[1] for line in page.splitlines() if line.startswith("    make ")]
    assert made[:2] == ["demo", "test"]
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")
    assert all(re.search(rf"^{target}[ :]", makefile, flags=re.MULTILINE) for target in made)
    assert page.count("\n") <= 220


def broken_links(page: str, folder: Path) -> list[str]:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page)
    return [target for target in targets if "://" not in target and not (folder / target).exists()]


@pytest.mark.parametrize("path", [*PAGES, REPOSITORY / "CONTRIBUTING.md"], ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    assert broken_links(path.read_text("utf-8"), path.parent) == []


def test_link_check_sees() -> None:
    page = "![a](README.md) [b](nowhere.md) [c](https://example.org/x.md) [d](Makefile#top)"
    assert broken_links(page, REPOSITORY) == ["nowhere.md"]


@pytest.mark.parametrize(
    "page",
    [
        "```python\nprint(1 + 1)  # 3\n```\n",
        "```python\nprint(1 + 1)\n```\n",
        "```python\nimport vitrail\nprint(vitrail.nowhere)  # 3\n```\n",
        "```sh\nvitrail regions digits.npz --plane\n```\n",
        "```sh\nvitrail info nowhere.npz\n```\n",
    ],
)
def test_example_check_sees(page: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises((AssertionError, AttributeError)):
        run_page(page, "page")


def test_example_check_allows(folder: Path) -> None:
    first, second = "```python\nx = 2\nprint(x)  # 2\n```\n", "```python\nprint(x + 1)  # 3\n```\n"
    page = f"{first}and\n{second}```sh\nvitrail info digits.npz\n```\n"
    assert run_page(page, "page") == 3
