"""The face of the house and its arrows: what is offered, what it costs, who may know whom."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import shoal

SOURCE = Path(shoal.__file__).parent


# --- the public names -------------------------------------------------------------------------


@pytest.mark.parametrize("name", shoal.__all__)
def test_every_public_name_exists_and_says_what_it_is(name):
    thing = getattr(shoal, name)
    assert inspect.getdoc(thing)
    assert inspect.isclass(thing) or inspect.isfunction(thing)
    if inspect.isclass(thing):
        silent = [
            f"{name}.{method}"
            for method, function in inspect.getmembers(thing, inspect.isroutine)
            if not method.startswith("_")
            and (getattr(function, "__module__", None) or "").startswith("shoal")
            and not inspect.getdoc(function)
        ]
        assert not silent


def test_names_that_types_see_are_those_that_are_there():
    stub = ast.parse((SOURCE / "__init__.pyi").read_text("utf-8"))
    (listed,) = [
        ast.literal_eval(node.value)
        for node in stub.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"
    ]
    assert listed == sorted(set(listed), key=listed.index)
    assert set(listed) == set(shoal.__all__)


def test_rooms_are_attributes_and_not_bound_by_a_star():
    assert fresh("import shoal; print(shoal.nn.Affine.__name__)") == "Affine"
    assert (
        fresh("from shoal import *; print('data' in globals(), 'mlp' in globals())") == "False True"
    )


def test_the_version_is_that_of_the_installation():
    from importlib.metadata import version

    assert shoal.__version__ == version("shoal")


def test_types_are_shipped():
    assert (SOURCE / "py.typed").exists()


# --- what an import costs ---------------------------------------------------------------------


def fresh(code: str) -> str:
    """What a new interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_import_takes_less_than_three_tenths_of_a_second(monkeypatch, tmp_path):
    # processor time: what else the machine does is not our import's fault
    code = "import time; t = time.process_time(); import shoal; print(time.process_time() - t)"
    # what was compiled once is kept, as it is for users
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path))
    fresh(code)  # compiles
    assert min(float(fresh(code)) for _ in range(7)) < 0.3  # noise only adds


HEAVY = (
    "torch", "tensorflow", "jax", "pandas", "sklearn", "matplotlib", "scipy", "pyarrow", "rich",
    "jinja2", "typer", "pooch", "safetensors", "optuna", "sqlalchemy", "distributed", "dask",
)  # fmt: skip


def test_import_loads_nothing_that_is_only_needed_later():
    names = "shoal.compare, shoal.Trainer, shoal.load, shoal.mlp, shoal.Adam"
    loaded = fresh(f"import sys, shoal; {names}; print(*sys.modules)").split()
    assert not {name.split(".")[0] for name in loaded} & set(HEAVY)
    assert not [name for name in loaded if name.startswith(("shoal.plot", "shoal.report"))]
    assert "shoal.cli" not in loaded


def test_training_needs_no_pictures_and_no_other_library_for_networks():
    code = """
import sys, shoal
recipe = shoal.Recipe(shoal.mlp([4]), shoal.SGD())
print(str(shoal.compare({"a": recipe, "b": recipe}, shoal.load("digits"), steps=2, seeds=2))[:0])
print(*sys.modules)
"""
    loaded = {name.split(".")[0] for name in fresh(code).split()}
    assert not loaded & {"torch", "tensorflow", "jax", "matplotlib", "jinja2", "typer"}


# --- the arrows of the house ------------------------------------------------------------------

LEAVES = {"errors", "rng", "distributions"}
MAY_IMPORT = {
    "errors": set(),
    "rng": set(),
    "distributions": {"errors"},
    "nn": LEAVES,
    "optim": LEAVES,
    "data": LEAVES,
    "engine": LEAVES | {"nn", "optim", "data"},
    "comparison": LEAVES | {"engine", "data"},
    "plot": LEAVES | {"comparison", "study", "estimators", "engine", "data"},
    "study": LEAVES | {"comparison", "engine", "data"},
    "report": LEAVES | {"comparison", "study", "engine", "data", "plot"},
    "estimators": LEAVES | {"study", "engine", "data", "nn", "optim"},
    "book": {"", "errors", "comparison", "engine", "plot", "report"},
}
LAZILY = {
    "comparison": {"plot", "report"},
    "study": {"plot", "report"},
    "estimators": {"plot"},
}
"""What may be imported inside of functions only: a result draws and reports itself."""


def rooms() -> set[str]:
    return {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or path.is_dir()} - {
        "__init__",
        "__main__",  # the door by another name
        "__pycache__",
        "cli",  # the door: it may use the whole house
    }


def imports(room: str):
    """(room imported, whether inside of a function, file and line) of all imports of a room."""
    files = [*(SOURCE / room).rglob("*.py")] or [SOURCE / f"{room}.py"]
    for path in files:
        tree = ast.parse(path.read_text("utf-8"))
        inner = {
            id(node)
            for function in ast.walk(tree)
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
            for node in ast.walk(function)
        }
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}:{node.lineno} imports relatively"
                names = [node.module]
                if node.module == "shoal":
                    names = [f"shoal.{alias.name}" for alias in node.names]
            for name in names:
                first, _, rest = name.partition(".")
                if first == "shoal":
                    other = rest.split(".")[0]
                    yield other, id(node) in inner, f"{path.relative_to(SOURCE)}:{node.lineno}"


def test_every_room_has_its_arrows():
    assert rooms() == set(MAY_IMPORT)


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_arrows_run_downwards_only(room):
    allowed = MAY_IMPORT[room] | {room}
    wrong = [
        f"{where} imports {other or 'shoal itself'}"
        for other, inside, where in imports(room)
        if other not in allowed
        and not (inside and other in LAZILY.get(room, set()))
        # a function may ask the package for its version
        and not (inside and other == "")
    ]
    assert not wrong


FRAME = {"page.py", "run.py"}
"""What all experiments or claims share: they write files and pages."""


@pytest.mark.parametrize("folder", ["experiments", "claims"])
def test_the_book_uses_only_the_public_api(folder):
    wrong = [
        where
        for other, _, where in imports("book")
        if where.startswith(f"book/{folder}/")
        and Path(where).name.split(":")[0] not in FRAME
        and other not in {"", "book", "errors", "plot"}
    ]
    assert not wrong


def test_mathematics_takes_nothing_but_numpy_and_its_namespaces():
    allowed = {"numpy", "array_api_compat", "shoal", *sys.stdlib_module_names}
    for room in ("nn", "optim"):
        for path in (SOURCE / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    assert {alias.name.split(".")[0] for alias in node.names} <= allowed, path
                elif isinstance(node, ast.ImportFrom):
                    assert node.module.split(".")[0] in allowed, path


def test_nothing_is_pickled():
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                assert "pickle" not in {alias.name for alias in node.names}, path
            elif isinstance(node, ast.ImportFrom):
                assert node.module != "pickle", path
