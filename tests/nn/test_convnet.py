import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal import nn
from shoal.errors import ShoalError
from shoal.nn import (
    ACTIVATIONS,
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
    Tanh,
    as_convnet,
    as_mlp,
    convnet,
    mlp,
)

side = st.integers(1, 5)
pair = side | st.tuples(side, side)
counts = st.integers(1, 60)
convnets = st.builds(
    convnet,
    st.lists(counts, min_size=1, max_size=3),
    pair,
    pair,
    st.lists(counts, max_size=3),
    st.sampled_from(sorted(ACTIVATIONS)),
    padding=pair | st.just("same"),
    batch_norm=st.booleans(),
    dropout=st.floats(0, 0.99),
)
quick = settings(deadline=None, max_examples=200, derandomize=True)


def test_the_default_is_the_book_s_network():
    layers = (Conv2D(30, 5), ReLU(), MaxPool2D(2), Flatten(), Affine(100), ReLU(), Affine())
    assert convnet() == Network(layers)
    assert repr(convnet()) == "convnet([30], size=5, pool=2, hidden=[100], activation='relu')"
    bound = convnet().bind((28, 28), 10)
    assert bound.shapes((28, 28))[1:4] == [(24, 24, 30), (24, 24, 30), (12, 12, 30)]


def test_convnet_repeats_its_blocks():
    network = convnet([4, 5], 3, (2, 1), [6], "tanh", padding="same", batch_norm=True, dropout=0.1)
    block = (BatchNorm(), Tanh(), MaxPool2D((2, 1)))
    rest = mlp([6], "tanh", batch_norm=True, dropout=0.1).layers
    assert network.layers == (
        *(Conv2D(4, 3, padding="same"), *block),
        *(Conv2D(5, 3, padding="same"), *block),
        *rest,
    )


def test_a_pool_of_one_pixel_is_no_pool():
    assert convnet([3], pool=1, hidden=[]).layers == (Conv2D(3, 5), ReLU(), Flatten(), Affine())
    assert convnet([3], pool=(1, 1)) == convnet([3], pool=1)


@quick
@given(convnets)
def test_repr_round_trips(network):
    assert eval(repr(network), vars(nn)) == network
    assert repr(network).startswith("convnet([")


@quick
@given(convnets)
def test_as_convnet_is_the_inverse_of_convnet(network):
    assert convnet(**as_convnet(network)) == network
    assert as_mlp(network) is None


CONV, POOL = Conv2D(3, 2), MaxPool2D(2)
REST = (Flatten(), Affine(4), ReLU(), Affine())


@pytest.mark.parametrize(
    "network",
    [
        Network((CONV, *REST)),  # no activation
        Network((CONV, ReLU(), POOL, Affine())),  # no Flatten
        Network((CONV, POOL, ReLU(), *REST)),
        Network((CONV, Tanh(), POOL, *REST)),
        Network((CONV, ReLU(), AvgPool2D(2), *REST)),
        Network((CONV, ReLU(), MaxPool2D(2, stride=1), *REST)),
        Network((Conv2D(3, 2, stride=2), ReLU(), POOL, *REST)),
        Network((CONV, ReLU(), POOL, Conv2D(3, 3), ReLU(), POOL, *REST)),
        Network((CONV, ReLU(), POOL, CONV, ReLU(), *REST)),
        Network((CONV, ReLU(), POOL, Dropout(0.1), *REST)),
        Network((CONV, BatchNorm(), ReLU(), POOL, *REST)),
        Network((CONV, LeakyReLU(0.3), POOL, *REST)),
        Network((CONV, ReLU(), POOL, Flatten((3, 3, 3)), Affine(4), ReLU(), Affine())),
        Network((Flatten(), CONV)),
    ],
    ids=repr,
)
def test_what_convnet_cannot_make_is_not_a_convnet(network):
    assert as_convnet(network) is None
    assert repr(network).startswith("Network((")
    assert eval(repr(network), vars(nn)) == network


@pytest.mark.parametrize("network", [mlp([3]), mlp([]), Network((Affine(),))], ids=repr)
def test_an_mlp_is_not_a_convnet(network):
    assert as_convnet(network) is None


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: convnet([]), r"filters=\[\] must be a list of whole numbers, such as \[16, 32\]"),
        (lambda: convnet(30), "filters=30 must be a list of whole numbers"),
        (lambda: convnet("30"), "filters='30' must be a list"),
        (lambda: convnet([3.5]), r"filters=\[3.5\] must be a list"),
        (lambda: convnet([0]), "filters=0 must be a whole number >= 1"),
        (lambda: convnet(size=0), "size=0 must be a whole number >= 1"),
        (lambda: convnet(pool=0), "pool=0 must be a whole number >= 1"),
        (lambda: convnet(pool=(2, 2, 2)), r"pool=\(2, 2, 2\) must be a whole number, or two"),
        (lambda: convnet(hidden=5), r"hidden=5 must be a list of whole numbers"),
        (lambda: convnet(activation="relo"), "unknown activation 'relo': did you mean 'relu'"),
        (lambda: convnet(padding="sam"), "unknown padding 'sam': did you mean 'same'"),
        (lambda: convnet(batch_norm=1), "batch_norm=1 must be True or False"),
        (lambda: convnet(dropout=1), "dropout=1 must be a number >= 0 and < 1"),
    ],
)
def test_mistakes_are_named(make, text):
    with pytest.raises(ShoalError, match=text):
        make()


@pytest.mark.parametrize(
    ("network", "in_shape", "text"),
    [
        (convnet(), (64,), "Conv2D takes images (height, width, channels), not rows of shape"),
        (convnet(), (4, 4), "Conv2D with size=(5, 5) does not fit an image of 4 × 4 pixels"),
        (convnet(), (5, 5), "MaxPool2D with size=(2, 2) does not fit an image of 1 × 1 pixels"),
    ],
)
def test_images_that_do_not_fit_are_refused(network, in_shape, text):
    with pytest.raises(ShoalError) as error:
        network.bind(in_shape, 3)
    assert str(error.value).startswith(text)


def test_the_last_layers_are_initialised_like_those_of_an_mlp():
    rules = convnet([3, 3]).init_rules()
    weighted = [r for r, layer in zip(rules, convnet([3, 3]).layers, strict=True)
                if isinstance(layer, Conv2D | Affine)]  # fmt: skip
    assert weighted == ["he", "he", "he", "xavier"]
    without = Network((Conv2D(2, 1), Conv2D(2, 1), ReLU(), Flatten(), Affine()))
    assert without.init_rules()[:2] == ["xavier", "he"]  # no ReLU after the first


def test_members_of_a_convnet_do_the_same_bits_alone_as_in_company():
    network = convnet([5, 4], 3, batch_norm=True, hidden=[6], padding=1).bind((9, 8), 3)
    rng = np.random.default_rng(0)
    each = [network.init(seed, (9, 8)) for seed in range(4)]
    x = rng.standard_normal((1, 7, 9, 8)).astype(np.float32)
    dy = rng.standard_normal((4, 7, 3)).astype(np.float32)

    def run(members):
        params = [
            {name: np.stack([each[i][k][name] for i in members]) for name in each[0][k]}
            for k in range(len(network.layers))
        ]
        y, caches = network.forward(params, x, training=True)
        _, grads = network.backward(params, caches, dy[list(members)])
        return [{"y": y}, *grads, *network.running(params, caches)]

    company = run(range(4))
    for i in range(4):
        for ours, own in zip(company, run([i]), strict=True):
            for name in own:
                np.testing.assert_array_equal(ours[name][i], own[name][0])
