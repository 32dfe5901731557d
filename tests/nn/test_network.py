import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal import nn
from shoal.errors import ShoalError
from shoal.nn import (
    ACTIVATIONS,
    GELU,
    Affine,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dropout,
    Flatten,
    LeakyReLU,
    MaxPool2D,
    Network,
    ReLU,
    Sigmoid,
    Tanh,
    as_mlp,
    mlp,
)
from shoal.nn.arrays import FEW, largest

mlps = st.builds(
    mlp,
    st.lists(st.integers(1, 300), max_size=4),
    st.sampled_from(sorted(ACTIVATIONS)),
    batch_norm=st.booleans(),
    dropout=st.floats(0, 0.99),
)
fraction = st.floats(0, 0.999)
positive = st.floats(1e-9, 1)
layers = st.one_of(
    st.builds(Affine, st.none() | st.integers(1, 300)),
    st.builds(Flatten, st.none() | st.tuples(st.integers(1, 9), st.integers(1, 9))),
    st.builds(Conv2D, st.integers(1, 9), st.integers(1, 5), st.integers(1, 2)),
    st.builds(MaxPool2D, st.integers(1, 5)),
    st.builds(AvgPool2D, st.integers(1, 5), st.none() | st.integers(1, 3)),
    st.builds(BatchNorm, positive, positive),
    st.builds(Dropout, fraction),
    st.builds(LeakyReLU, fraction),
    st.sampled_from([ReLU(), Sigmoid(), Tanh(), GELU()]),
)
hand_made = st.builds(Network, st.lists(layers, min_size=1, max_size=6))
quick = settings(deadline=None, max_examples=200, derandomize=True)


# --- what it prints can be pasted back ------------------------------------------------------


@quick
@given(mlps | hand_made)
def test_repr_round_trips(network):
    again = eval(repr(network), vars(nn))
    assert again == network
    assert hash(again) == hash(network)


@quick
@given(mlps)
def test_as_mlp_is_the_inverse_of_mlp(network):
    assert mlp(**as_mlp(network)) == network
    assert repr(network).startswith("mlp(")


@quick
@given(hand_made)
def test_as_mlp_says_only_what_is_true(network):
    arguments = as_mlp(network)
    assert arguments is None or mlp(**arguments) == network


@pytest.mark.parametrize(
    "network",
    [
        Network((Affine(3), ReLU(), Affine())),  # no Flatten
        Network((Flatten(), Affine(3), ReLU(), Affine(2))),  # bound
        Network((Flatten(), Affine(3), LeakyReLU(0.3), Affine())),
        Network((Flatten(), Affine(3), BatchNorm(momentum=0.5), ReLU(), Affine())),
        Network((Flatten(), Affine(3), ReLU(), BatchNorm(), Affine())),
        Network((Flatten(), Affine(3), ReLU(), Dropout(0.0), Affine())),
        Network((Flatten(), Affine(3), ReLU(), Affine(3), Tanh(), Affine())),
        Network((Flatten(), Affine(3), ReLU(), Dropout(0.1), Affine(3), ReLU(), Affine())),
        Network((Flatten(), Affine(), ReLU(), Affine())),
        Network((ReLU(),)),
    ],
    ids=repr,
)
def test_what_mlp_cannot_make_is_not_an_mlp(network):
    assert as_mlp(network) is None
    assert repr(network).startswith("Network((")


def test_mlp_repeats_its_blocks():
    network = mlp([4, 5], "gelu", batch_norm=True, dropout=0.1)
    block = (BatchNorm(), GELU(), Dropout(0.1))
    assert network.layers == (Flatten(), Affine(4), *block, Affine(5), *block, Affine())


def test_networks_are_values():
    assert mlp([3]) == mlp((3,)) == Network([Flatten(), Affine(3), ReLU(), Affine()])
    assert len({mlp([3]), mlp([3]), mlp([4])}) == 2


# --- bind -----------------------------------------------------------------------------------


@pytest.mark.parametrize("in_shape", [(7,), (4, 3, 2)], ids=["rows", "images"])
def test_bind_fills_in_what_was_open(in_shape):
    bound = mlp([5]).bind(in_shape, 3)
    assert bound.layers == (Flatten(in_shape), Affine(5), ReLU(), Affine(3))
    assert bound.bind(in_shape, 3) == bound
    n = int(np.prod(in_shape))
    assert bound.shapes(in_shape) == [in_shape, (n,), (5,), (5,), (3,)]


BIND_ERRORS = {
    "too few outputs": (
        Network((Affine(2),)),
        (5,),
        "the network ends in shape (2,), the data needs 3 outputs; "
        "end it with Affine(), which takes the number from the data",
    ),
    "no affine at the end": (
        Network((Affine(4), ReLU())),
        (5,),
        "the network ends in shape (4,), the data needs 3 outputs; "
        "end it with Affine(), which takes the number from the data",
    ),
    "images not flattened": (
        Network((Affine(4), ReLU(), Affine())),
        (28, 28),
        "Affine takes rows of numbers, not shape (28, 28); put a Flatten before it",
    ),
    "images to the end": (
        Network((BatchNorm(),)),
        (4, 3),
        "the network ends in shape (4, 3), the data needs 3 outputs; "
        "end it with Affine(), which takes the number from the data",
    ),
    "open in the middle": (
        Network((Affine(), ReLU(), Affine())),
        (5,),
        "Affine(units=None) must be the last layer, or be given a number of units",
    ),
}


@pytest.mark.parametrize(("network", "in_shape", "text"), BIND_ERRORS.values(), ids=BIND_ERRORS)
def test_layers_that_do_not_fit_are_refused(network, in_shape, text):
    with pytest.raises(ShoalError) as error:
        network.bind(in_shape, 3)
    assert str(error.value) == text


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Network(()), r"at least one layer; try shoal.mlp\(\[100\]\)"),
        (lambda: Network((Affine(3), "relu")), "a network is made of layers, not 'relu'"),
        (lambda: Network((Affine,)), "a network is made of layers, not <class"),
        (lambda: Network(Affine(3)), r"layers=Affine\(units=3\) must be a list of layers"),
        (lambda: mlp(5), r"hidden=5 must be a list of whole numbers, such as \[100, 100\]"),
        (lambda: mlp("5"), "hidden='5' must be a list"),
        (lambda: mlp(""), "hidden='' must be a list"),
        (lambda: mlp(None), "hidden=None must be a list"),
        (lambda: mlp(5.0), "hidden=5.0 must be a list"),
        (lambda: mlp([5.0]), r"hidden=\[5.0\] must be a list"),
        (lambda: mlp(u for u in (3, 4)), "must be a list of whole numbers"),  # would be used up
        (lambda: mlp([0]), "units=0 must be a whole number >= 1"),
        (lambda: mlp([True]), "units=True must be a whole number >= 1"),
        (lambda: mlp([3], "relo"), "unknown activation 'relo': did you mean 'relu'"),
        (lambda: mlp([3], ["relu"]), r"unknown activation \['relu'\]"),
        (lambda: mlp([3], ReLU()), r"unknown activation ReLU\(\): did you mean 'relu'"),
        (lambda: mlp([3], dropout=1), "dropout=1 must be a number >= 0 and < 1"),
        (lambda: mlp([3], batch_norm="false"), "batch_norm='false' must be True or False"),
        (lambda: mlp([3], dropout=None), "dropout=None must be a number"),
    ],
)
def test_mistakes_are_named(make, text):
    with pytest.raises(ShoalError, match=text):
        make()


# --- forward --------------------------------------------------------------------------------


def test_forward_is_the_layers_in_turn():
    network = mlp([4], "tanh").bind((3,), 2)
    params = network.init(0, (3,))
    x = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    y, caches = network.forward(params, x)
    hidden = np.tanh(x @ params[1]["W"] + params[1]["b"])
    np.testing.assert_allclose(y, hidden @ params[3]["W"] + params[3]["b"], rtol=1e-6)
    assert len(caches) == len(network.layers)


@pytest.mark.parametrize(
    ("network", "in_shape"),
    [
        (mlp([33, 17], "gelu", batch_norm=True, dropout=0.2), (5,)),
        (mlp([1], "sigmoid"), (1,)),
        (mlp([20, 20], batch_norm=True), (4, 3, 2)),
    ],
    ids=["all kinds of layers", "one unit", "images"],
)
@pytest.mark.parametrize("batch", [1, 2, 37])
def test_a_member_s_gradients_are_the_same_bits_alone_as_in_company(network, in_shape, batch):
    network = network.bind(in_shape, 1)
    each = [network.init(seed, in_shape) for seed in range(5)]
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, batch, *in_shape)).astype(np.float32)
    dy = rng.standard_normal((5, batch, 1)).astype(np.float32)
    noise = network.noise(0, 0, batch, in_shape)

    def run(members):
        some = [each[i] for i in members]
        params = [
            {name: np.stack([p[k][name] for p in some]) for name in some[0][k]}
            for k in range(len(network.layers))
        ]
        y, caches = network.forward(params, x, training=True, noise=noise)
        _, grads = network.backward(params, caches, dy[list(members)])
        return [{"y": y}, *grads, *network.running(params, caches)]

    company = run(range(5))
    for i in range(5):
        for ours, own in zip(company, run([i]), strict=True):
            for name in own:
                np.testing.assert_array_equal(ours[name][i], own[name][0])


def test_running_statistics_belong_to_batch_norm_alone():
    network = mlp([4], batch_norm=True).bind((3,), 2)
    params = network.init(0, (3,))
    _, caches = network.forward(params, np.ones((5, 3), np.float32), training=True)
    running = network.running(params, caches)
    assert [sorted(r) for r in running] == [[], [], ["mean", "var"], [], []]


# --- noise ----------------------------------------------------------------------------------


def draws(network, *, seed=0, step=0, rows=6):
    bound = network.bind((5,), 3)
    return [n for n in bound.noise(seed, step, rows, (5,)) if n is not None]


def test_noise_is_uniform_and_of_the_shape_of_what_it_drops():
    first, second = draws(mlp([40, 30], dropout=0.5), rows=50)
    assert (first.shape, second.shape) == ((50, 40), (50, 30))
    assert first.dtype == np.float32
    assert 0 <= first.min() < first.max() < 1
    assert first.mean() == pytest.approx(0.5, abs=0.02)


def test_noise_is_keyed_by_seed_step_and_which_dropout_it_is():
    network = mlp([7, 7], dropout=0.5)
    first, second = draws(network)
    keys = [first, second, draws(network, seed=1)[0], draws(network, step=1)[0]]
    for i, a in enumerate(keys):
        for j, b in enumerate(keys):
            assert np.array_equal(a, b) == (i == j)
    np.testing.assert_array_equal(first, draws(network)[0])


def test_other_layers_do_not_change_the_masks():
    plain, normed = (
        draws(mlp([7, 7], dropout=0.5)),
        draws(mlp([7, 7], batch_norm=True, dropout=0.2)),
    )
    for a, b in zip(plain, normed, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_first_rows_of_a_larger_batch_get_the_same_noise():
    small, large = draws(mlp([7], dropout=0.5), rows=4)[0], draws(mlp([7], dropout=0.5))[0]
    np.testing.assert_array_equal(large[:4], small)


def test_networks_without_dropout_need_no_noise():
    assert mlp([7]).bind((5,), 3).noise(0, 0, 4, (5,)) == [None] * 4


def test_multiply_adds_of_a_row_are_the_sizes_of_its_products():
    network = mlp([7, 5], batch_norm=True).bind((3,), 2)
    assert network.multiply_adds((3,)) == 3 * 7 + 7 * 5 + 5 * 2
    image = Network((Conv2D(4, 3), ReLU(), Flatten(), Affine())).bind((6, 6), 2)
    assert image.multiply_adds((6, 6)) == 4 * 4 * 4 * 9 + 4 * 4 * 4 * 2


@pytest.mark.parametrize("columns", [1, 2, FEW, FEW + 1])
def test_the_largest_of_each_row_however_many_columns(columns):
    x = np.random.default_rng(columns).standard_normal((2, 5, columns)).astype(np.float32)
    x[0, 1, 0], x[1, 2, -1] = np.nan, np.inf
    np.testing.assert_array_equal(largest(x), x.max(axis=-1, keepdims=True))
