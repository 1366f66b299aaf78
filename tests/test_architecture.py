"""Imports point one way, and each outside library has one home."""

import ast
import pathlib
import re
import subprocess
import sys

import pytest

from recur.cells import CELLS


ROOT = pathlib.Path(__file__).parents[1]
FILES = sorted([*ROOT.glob("recur/**/*.py"), *ROOT.glob("experiments/**/*.py")])

LAYERS = (
    ("recur.cell", "recur.deep", "recur.initializers", "recur.names"),
    ("recur.affine", "recur.engine", "recur.wrappers", "recur.noise"),
    ("recur.dropout", "recur.zoneout"),
    ("recur.cells", "recur.engines"),
    ("recur.precision", "recur.tbptt", "recur.unroll"),
    ("recur.layers",),
    ("recur.cudnn", "recur.flow", "recur.interop", "recur.linen", "recur.nnx"),
    ("recur.testing",),
    ("recur",),
    ("experiments",),
)
"""From the ground up: a file imports from its own layer and those before it."""

HOMES = {
    "absl": {"experiments/flags.py"},
    "flax": {
        "experiments/model.py",
        "experiments/speed/peers.py",
        "experiments/speed/seeds.py",
        "recur/linen.py",
        "recur/nnx.py",
    },
    "optax": {"experiments/train.py"},
    "orbax": {"experiments/checkpoint.py"},
    "matplotlib": {
        "experiments/comparison_figure.py",
        "experiments/drawing.py",
        "experiments/figures.py",
        "experiments/gates_figure.py",
        "experiments/gradient_flow/figure.py",
        "experiments/horizon.py",
        "experiments/profile_figure.py",
        "experiments/speed/figure.py",
        "experiments/training_figure.py",
    },
    "tensorboardX": {"experiments/mirrors.py"},
    "wandb": {"experiments/mirrors.py"},
}


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


def layer_of(module):
    if module == "recur":
        return LAYERS.index(("recur",))
    for height, names in enumerate(LAYERS):
        if any(module == n or module.startswith(f"{n}.") for n in names if n != "recur"):
            return height
    return None


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_point_down(file):
    here = layer_of(name_of(file))
    assert here is not None
    for module in imports_of(file):
        there = layer_of(module)
        # `from recur import flow` is an import of recur.flow.
        if module == "recur" and here < LAYERS.index(("recur",)):
            continue
        assert there is None or there <= here, f"{module} is above"


@pytest.mark.parametrize(("library", "homes"), HOMES.items())
def test_each_library_has_one_home(library, homes):
    users = {
        str(file.relative_to(ROOT))
        for file in FILES
        if any(module.split(".")[0] == library for module in imports_of(file))
    }
    assert users == homes


@pytest.mark.parametrize("package", ["flow", "engines"])
def test_gradient_flow_and_engines_name_no_cell(package):
    for file in ROOT.glob(f"recur/{package}/*.py"):
        tree = ast.parse(file.read_text())
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not names & set(CELLS)


def test_the_bench_names_no_cell_but_in_defaults():
    """A cell is known by its row in `CELLS`; --cells and presets have defaults."""
    word = re.compile(rf"""["']({'|'.join(CELLS)})\b""")
    naming = {f.name for f in ROOT.glob("experiments/*.py") if word.search(f.read_text())}
    assert naming == {"settings.py"}


def test_the_library_imports_neither_a_framework_nor_flags():
    code = (
        "import sys, recur\n"
        "found = {'flax', 'absl', 'optax', 'experiments', 'matplotlib'} & set(sys.modules)\n"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
