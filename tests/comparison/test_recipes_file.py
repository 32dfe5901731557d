"""Recipes in TOML: what can be written, what comes back, and what is refused in one line."""

from __future__ import annotations

import pytest

import shoal
from shoal import SGD, Adam, Recipe, ShoalError, mlp
from shoal.comparison.recipes_file import (
    default_recipes,
    parse_recipes,
    read_recipes,
    write_recipes,
)

ARM = '[arms.A]\nnetwork = { hidden = [4] }\noptimizer = "SGD"\n'


def test_an_arm_is_a_table():
    text = """
    [arms.SGD]
    network = { hidden = [32], activation = "tanh" }
    optimizer = { kind = "SGD", lr = 0.1 }
    [arms."Adam, slowly"]
    network = { hidden = [] }
    optimizer = "Adam"
    batch_size = 32
    """
    file = parse_recipes(text)
    assert file.tune is None
    assert file.recipes == {
        "SGD": Recipe(mlp([32], activation="tanh"), SGD(lr=0.1)),
        "Adam, slowly": Recipe(mlp([]), Adam(), batch_size=32),
    }


def test_defaults_are_what_arms_have_in_common():
    text = """
    [defaults]
    network = { hidden = [4] }
    batch_size = 32
    [arms.A]
    optimizer = "SGD"
    [arms.B]
    optimizer = "SGD"
    batch_size = 64
    """
    assert {n: r.batch_size for n, r in parse_recipes(text).recipes.items()} == {"A": 32, "B": 64}


@pytest.mark.parametrize(
    ("tune", "grid"),
    [
        ('"optimizer.lr" = [0.1, 0.2]', {"optimizer.lr": [0.1, 0.2]}),
        ("optimizer.lr = [0.1, 0.2]", {"optimizer.lr": [0.1, 0.2]}),  # without quotes: the same
        ('"optimizer.lr" = { log_grid = [0.1, 10, 3] }', {"optimizer.lr": (0.1, 1.0, 10.0)}),
        (
            'init = ["he", "xavier"]\noptimizer.lr = { log_grid = [1, 4, 3] }',
            {"init": ["he", "xavier"], "optimizer.lr": (1.0, 2.0, 4.0)},
        ),
        ("A.optimizer.lr = [1]\nB.batch_size = [2]",
         {"A": {"optimizer.lr": [1]}, "B": {"batch_size": [2]}}),
        ("network.hidden = [[4], [4, 4]]", {"network.hidden": [[4], [4, 4]]}),
        ("", {}),
    ],
)  # fmt: skip
def test_what_to_tune(tune, grid):
    assert parse_recipes(f"{ARM}[tune]\n{tune}").tune == grid


def test_the_default_recipes_are_the_books_optimizers():
    file = default_recipes()
    assert list(file.recipes) == ["SGD", "Momentum", "Nesterov", "AdaGrad", "RMSprop", "Adam"]
    assert {recipe.network for recipe in file.recipes.values()} == {mlp([100] * 4)}
    assert {recipe.batch_size for recipe in file.recipes.values()} == {128}
    assert file.tune is None


def test_what_is_written_reads_back():
    recipes = default_recipes().recipes | {
        'a "quoted" [name]\t= x': Recipe(
            mlp([8], batch_norm=True, dropout=0.5),
            Adam(lr=1e-5),
            schedule=shoal.WarmUp(10, then=shoal.Cosine()),
            init=0.01,
            weight_decay=1e-4,
            clip_norm=1.0,
        ),
        "": Recipe(shoal.Network((shoal.Affine(3), shoal.GELU())), SGD()),
    }
    assert parse_recipes(write_recipes(recipes)).recipes == recipes


def test_a_file_is_read(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text("# größer ± ∞\n" + ARM, "utf-8")
    assert list(read_recipes(path).recipes) == ["A"]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda path: None, "No such file or directory"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "it is not UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path, make, text):
    path = tmp_path / "r.toml"
    make(path)
    with pytest.raises(ShoalError) as error:
        read_recipes(path)
    assert str(error.value) == f"cannot read recipes from {path}: {text}"


NETWORK = "[arms.A]\noptimizer = 'SGD'\nnetwork = "
OPTIMIZER = "[arms.A]\nnetwork = { hidden = [4] }\noptimizer = "
MISTAKES = [
    # the file
    ("", "f.toml has no arms; write a table [arms.NAME] for each"),
    ("[arms]", "f.toml has no arms"),
    ("arms = 3", "f.toml has no arms"),
    ("[[arms]]", "f.toml has no arms"),
    ("[arms.A\n", "f.toml is not TOML: Expected ']'"),
    ("\x00", "f.toml is not TOML: "),
    ("a,b\n1,2\n", "f.toml is not TOML: "),
    ("[arm.A]", "unknown table in f.toml: 'arm': did you mean 'arms'?"),
    ("[arms]\nA = 3", "f.toml: arms.A=3 must be a table [arms.A]"),
    ("defaults = 3\n" + ARM, "f.toml: defaults=3 must be a table"),
    ("[defaults]\nbacth_size = 3\n" + ARM, "did you mean 'batch_size'?"),
    # an arm
    ("[arms.A]", "f.toml: arms.A: network is missing; known keys: network, optimizer,"),
    ("[arms.A]\nnetwork = { hidden = [4] }", "f.toml: arms.A: optimizer is missing"),
    (ARM + "bacth_size = 3", "unknown key in f.toml: arms.A: 'bacth_size': did you mean 'batch_s"),
    (ARM + "batch_size = 1.5", "f.toml: arms.A: batch_size=1.5 must be a whole number >= 1"),
    (ARM + "batch_size = true", "batch_size=True must be a whole number >= 1"),
    (ARM + "weight_decay = -1", "f.toml: arms.A: weight_decay=-1 must be a number >= 0"),
    (ARM + "weight_decay = 'x'", "weight_decay='x' must be a number >= 0"),
    (ARM + "weight_decay = 1979-05-27", "weight_decay=datetime.date(1979, 5, 27) must be a number"),
    (ARM + "clip_norm = 0", "clip_norm=0 must be a number > 0"),
    (ARM + "init = 'hee'", "unknown init 'hee': did you mean 'he'?"),
    (ARM + "init = [1]", "init="),
    (ARM + "loss = 'softmax_entropy'", "did you mean 'softmax_cross_entropy'?"),
    (ARM + "loss = ['a']", "unknown loss"),
    # its network
    (NETWORK + "5", "f.toml: arms.A.network=5 must be a table, such as { hidden = [100, 100] }"),
    (NETWORK + "{}", "f.toml: arms.A.network: hidden is missing"),
    (NETWORK + "{ hidden = 4 }", "hidden=4 must be a list of whole numbers, such as [100, 100]"),
    (NETWORK + "{ hidden = [0] }", "units=0 must be a whole number >= 1"),
    (NETWORK + "{ hidden = ['a'] }", "hidden=['a'] must be a list of whole numbers"),
    (NETWORK + "{ hidden = [4], batch_nrom = true }", "did you mean 'batch_norm'?"),
    (NETWORK + "{ hidden = [4], dropout = 1.5 }", "dropout=1.5 must be a number >= 0 and < 1"),
    (NETWORK + "{ hidden = [4], activation = 'relo' }", "did you mean 'relu'?"),
    (NETWORK + "{ layers = [] }", "a network needs at least one layer"),
    (NETWORK + "{ layers = [3] }", "arms.A.network.layers[0]=3 must be a table with kind ="),
    (NETWORK + "{ layers = ['Afine'] }", "did you mean 'Affine'?"),
    # its optimizer and schedule
    (OPTIMIZER + "'Adma'", "in f.toml: arms.A.optimizer: 'Adma': did you mean 'Adam'?"),
    (OPTIMIZER + "{ kind = 'adam' }", "did you mean 'Adam'?"),
    (OPTIMIZER + "{ kind = ['SGD'] }", "unknown kind in f.toml: arms.A.optimizer: ['SGD']"),
    (OPTIMIZER + "3", "f.toml: arms.A.optimizer=3 must be a table with kind = "),
    (OPTIMIZER + "{ lr = 1 }", "f.toml: arms.A.optimizer={'lr': 1} must be a table with kind = "),
    (OPTIMIZER + "{ kind = 'SGD', lr = '0.1' }", "arms.A.optimizer: lr='0.1' must be a number > 0"),
    (OPTIMIZER + "{ kind = 'SGD', lr = nan }", "arms.A.optimizer: lr=nan must be a number > 0"),
    (OPTIMIZER + "{ kind = 'SGD', momentum = 0.9 }", "unknown key in f.toml: arms.A.optimizer: 'm"),
    (ARM + "schedule = 'Cosin'", "f.toml: arms.A.schedule: 'Cosin': did you mean 'Cosine'?"),
    (ARM + "schedule = { kind = 'StepDecay' }", "f.toml: arms.A.schedule: every is missing"),
    (ARM + "schedule = { kind = 'WarmUp', steps = 3, then = 'Cosi' }", "A.schedule.then: 'Cosi'"),
    # what to tune
    ("tune = 3\n" + ARM, "f.toml: tune=3 must be a table"),
    (ARM + "[tune]\n'optimizer.lr' = 3", "f.toml: tune.optimizer.lr=3 must be a list, or { log_gr"),
    (ARM + "[tune]\n'optimizer.lr' = { log_grid = 3 }", "must be { log_grid = [low, high, "),
    (ARM + "[tune]\nlr = { log_grid = [1, 2] }", "must be { log_grid = [low, high, "),
    (ARM + "[tune]\nlr = { log_grid = [1, 2, 3], x = 1 }", "must be { log_grid = [low, high, "),
    (ARM + "[tune]\nlr = { log_grid = ['a', 2, 3] }", "f.toml: tune.lr: log_grid = [low, high, "),
    (ARM + "[tune]\nA = [1]", "f.toml: tune.A=[1] must be a table"),
]  # fmt: skip


@pytest.mark.parametrize(("toml", "text"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_named_in_one_line(toml, text):
    with pytest.raises(ShoalError) as error:
        parse_recipes(toml, "f.toml")
    assert text in str(error.value)
    assert "\n" not in str(error.value)
    assert "shoal." not in str(error.value).replace("try shoal.", "")  # no inner names
