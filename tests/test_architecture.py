"""Imports point one way, and each outside library has one home."""

import ast
import pathlib
import re
import subprocess
import sys

import pytest

from experiments.benchmarks.registry import BENCHMARKS
from recur.cells import CELLS


ROOT = pathlib.Path(__file__).parents[1]
FILES = sorted([*ROOT.glob("recur/**/*.py"), *ROOT.glob("experiments/**/*.py")])

LAYERS = (
    ("recur.cell", "recur.deep", "recur.initializers", "recur.names"),
    ("recur.affine", "recur.engine", "recur.jaxpr", "recur.wrappers"),
    ("recur.cells", "recur.engines"),
    ("recur.precision", "recur.tbptt", "recur.unroll"),
    ("recur.layers",),
    ("recur.cudnn", "recur.flow", "recur.interop", "recur.linen", "recur.nnx"),
    ("recur.testing",),
    ("recur",),
    ("experiments.config",),
    ("experiments.runs", "experiments.networks"),
    ("experiments.benchmarks",),
    ("experiments.launch",),
    ("experiments.training",),
    ("experiments.reporting",),
    ("experiments.run",),
    ("experiments.gradient_flow", "experiments.speed", "experiments.results"),
    ("experiments.__main__", "experiments.compare", "experiments.sample"),
)
"""From the bottom up: a file imports from its own package and from lower layers. In the
library, packages of one layer may import each other; in the bench they may not."""

HOMES = {
    "absl": {"experiments/launch/flags.py"},
    "flax": {
        "experiments/networks/embed.py",
        "experiments/networks/model.py",
        "experiments/speed/peers.py",
        "experiments/speed/seeds.py",
        "recur/linen.py",
        "recur/nnx.py",
    },
    "optax": {"experiments/training/optimizer.py", "experiments/training/trainer.py"},
    "orbax": {"experiments/runs/checkpoint.py"},
    "tensorboardX": {"experiments/runs/mirrors.py"},
    "wandb": {"experiments/runs/mirrors.py"},
}

NAMING_CELLS = {
    "config/settings.py",
    "gradient_flow/classics.py",
    "gradient_flow/published.py",
    "results/gru_lstm.py",
    "results/papers.py",
    "speed/__main__.py",
    "speed/peers.py",
}
"""Files of the bench, presets apart, with the name of a cell: defaults, tables of papers,
layers of other libraries."""


def name_of(file):
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def package_of(module):
    """`(height, package)`; None for other libraries."""
    if module in ("recur", "experiments"):
        return LAYERS.index(("recur",)), module
    for height, names in enumerate(LAYERS):
        for name in names:
            if name != "recur" and (module == name or module.startswith(f"{name}.")):
                return height, name
    return None


def may_import(here, there):
    (height, package), (other_height, other) = here, there
    if package == other or other_height < height:
        return True
    return other_height == height and package.startswith("recur.")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_point_down(file):
    here = package_of(name_of(file))
    assert here is not None, "a file without a package"
    for module in imports_of(file):
        there = package_of(module)
        # `from recur import flow` is an import of recur.flow.
        if module in ("recur", "experiments") or there is None:
            continue
        assert may_import(here, there), f"{module} is not below"


def test_no_two_files_import_each_other():
    """Nor any longer circle, through imports at the top of files."""
    names = {name_of(file): file for file in FILES}
    graph = {}
    for name, file in names.items():
        tops = ast.parse(file.read_text()).body
        found = set()
        for node in tops:
            if isinstance(node, ast.ImportFrom):
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
                found.add(node.module)
        # `from package import file` inside the package is an import of the file.
        package = name.rpartition(".")[0]
        graph[name] = {n for n in found if n in names and n not in (name, package)}
    seen, path = set(), []

    def visit(name):
        if name in path:
            circle = path[path.index(name) :]
            # `recur/__init__` collects the names of its modules.
            assert any(n.count(".") == 0 for n in circle), " -> ".join([*circle, name])
            return
        if name not in seen:
            path.append(name)
            for other in sorted(graph[name]):
                visit(other)
            path.pop()
            seen.add(name)

    for name in names:
        visit(name)


@pytest.mark.parametrize(("library", "homes"), HOMES.items())
def test_each_library_has_one_home(library, homes):
    users = {
        str(file.relative_to(ROOT))
        for file in FILES
        if any(module.split(".")[0] == library for module in imports_of(file))
    }
    assert users == homes


def test_only_reporting_and_figures_import_matplotlib():
    users = {
        str(file.relative_to(ROOT))
        for file in FILES
        if any(module.split(".")[0] == "matplotlib" for module in imports_of(file))
    }
    outside = {u for u in users if not u.startswith("experiments/reporting/")}
    assert users and outside == {
        "experiments/gradient_flow/figure.py",
        "experiments/speed/figure.py",
    }


@pytest.mark.parametrize("package", ["flow", "engines", "jaxpr"])
def test_gradient_flow_and_engines_name_no_cell(package):
    files = list(ROOT.glob(f"recur/{package}/**/*.py"))
    assert files
    for file in files:
        tree = ast.parse(file.read_text())
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not names & set(CELLS), file


def test_the_bench_names_no_cell_but_in_defaults_and_tables():
    """A cell is known by its row in `CELLS`."""
    word = re.compile(rf"""["']({"|".join(CELLS)})\b""")
    bench = ROOT / "experiments"
    naming = {
        str(f.relative_to(bench)) for f in bench.glob("**/*.py") if word.search(f.read_text())
    }
    presets = {name for name in naming if name.startswith("benchmarks/")}
    assert naming - presets == NAMING_CELLS


def test_presets_name_a_cell_for_its_published_width_alone():
    """Gate biases and initialisers are alike for all cells."""
    for name, spec in BENCHMARKS.items():
        for preset, settings in spec.presets.items():
            for setting in settings:
                owner, _, option = setting.partition(".")
                assert owner not in CELLS or option == "hidden", (name, preset, setting)


def test_the_library_imports_neither_a_framework_nor_flags():
    code = (
        "import sys, recur\n"
        "found = {'flax', 'absl', 'optax', 'experiments', 'matplotlib'} & set(sys.modules)\n"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
