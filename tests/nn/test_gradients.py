"""Gradients are proved: every layer and loss alone, networks of them, and the judge itself."""

import numpy as np
import pytest

from shoal.errors import ShoalError
from shoal.nn import (
    GELU,
    Affine,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    CustomLoss,
    Dropout,
    Flatten,
    LeakyReLU,
    MaxPool2D,
    MeanSquaredError,
    Network,
    ReLU,
    Sigmoid,
    SoftmaxCrossEntropy,
    Tanh,
    check_gradients,
    check_loss,
    convnet,
    mlp,
    numerical_gradient,
)
from shoal.nn.gradients import GradientCheck, compare_gradients

# --- every layer and loss alone -------------------------------------------------------------


@pytest.mark.parametrize("members", [None, 3])
def test_backward_is_the_derivative_of_forward(case, agree, members):
    problem = case.problem(members)
    dx, grads = problem.backward()
    for name, analytic in {"x": dx, **grads}.items():

        def value(a, name=name):
            return (problem.having(name, a).forward()[0] * problem.dy).sum()

        at = problem.x if name == "x" else problem.params[name]
        agree(name, analytic, numerical_gradient(value, at, h=1e-5))


@pytest.mark.parametrize("members", [1, 3])
def test_a_shared_input_gets_one_gradient_from_each_member(case, agree, members):
    problem = case.problem(members, shared=True)
    dx, _ = problem.backward()
    numerical = numerical_gradient(
        lambda x: (problem.having("x", x).forward()[0] * problem.dy).sum(), problem.x, h=1e-5
    )
    agree("x", dx.sum(axis=0, keepdims=True), numerical)


@pytest.mark.parametrize("members", [None, 3])
@pytest.mark.parametrize("weighted", [False, True], ids=["rows alike", "weighted rows"])
def test_backward_of_a_loss_is_the_derivative_of_forward(loss_case, agree, members, weighted):
    """With random cotangents: each member's loss counts another amount."""
    loss, (outputs, targets) = loss_case.loss, loss_case.problem(members)
    rng = np.random.default_rng(5)
    weights = rng.uniform(0, 3, outputs.shape[:-1]) if weighted else None
    cotangents = rng.standard_normal(members or ())
    _, cache = loss.forward(outputs, targets, weights)
    numerical = numerical_gradient(
        lambda z: (cotangents * loss.forward(z, targets, weights)[0]).sum(), outputs, h=1e-5
    )
    agree("outputs", loss.backward(cache, weights) * cotangents[..., None, None], numerical)


# --- networks -------------------------------------------------------------------------------

IMAGE = (4, 3, 2)
NETWORKS = {
    "no hidden layer": (mlp([]), (5,)),
    "relu": (mlp([8, 7]), (5,)),
    "leaky relu": (mlp([8, 7], "leaky_relu"), (5,)),
    "sigmoid": (mlp([8, 7], "sigmoid"), (5,)),
    "tanh": (mlp([8, 7], "tanh"), (5,)),
    "gelu": (mlp([8, 7], "gelu"), (5,)),
    "batch norm": (mlp([8, 7], batch_norm=True), (5,)),
    "dropout": (mlp([8, 7], dropout=0.3), (5,)),
    "dropout that empties rows": (mlp([3, 3, 3], dropout=0.6), (5,)),
    "both": (mlp([8, 7], "gelu", batch_norm=True, dropout=0.3), (5,)),
    "deep": (mlp([6] * 6, "tanh"), (5,)),
    "one unit": (mlp([1, 1], "tanh"), (1,)),
    "images": (mlp([8], batch_norm=True), IMAGE),
    "batch norm per channel": (
        Network((BatchNorm(), Flatten(), Affine(6), GELU(), Affine())),
        IMAGE,
    ),
    "convolutions": (convnet([3, 2], 2, (1, 2), [6], padding=1), (5, 7)),
    "convolutions with batch norm and dropout": (
        convnet([3], 3, hidden=[6], activation="gelu", batch_norm=True, dropout=0.3),
        (6, 6, 2),
    ),
    "strides and overlapping pools": (
        Network(
            (
                *(Conv2D(3, (3, 2), stride=(2, 1), padding=(1, 0)), Tanh()),
                MaxPool2D(3, stride=1, padding=1),
                *(Conv2D(4, 2), BatchNorm(), Tanh(), AvgPool2D(2, stride=1, padding=1)),
                *(Dropout(0.2), Flatten(), Affine()),
            )
        ),
        (7, 5, 2),
    ),
    "dropout of the input": (Network((Dropout(0.2), Affine(6), ReLU(), Affine())), (5,)),
    "batch norm after the activation": (Network((Affine(6), Tanh(), BatchNorm(), Affine())), (5,)),
    "batch norm at the end": (Network((Affine(6), Tanh(), Affine(3), BatchNorm())), (5,)),
}


@pytest.mark.parametrize("classes", [True, False], ids=["classes", "regression"])
@pytest.mark.parametrize(("network", "in_shape"), NETWORKS.values(), ids=NETWORKS)
def test_gradients_of_whole_networks_agree(dataset, network, in_shape, classes):
    result = check_gradients(network, dataset(in_shape, 3, classes))
    assert result, str(result)
    assert result.checked > 0


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_the_gradient_of_the_input_follows_the_chain_rule(agree, training):
    in_shape = (5,)
    network = mlp([6, 6], "gelu", batch_norm=True, dropout=0.3).bind(in_shape, 3)
    params = network.init(3, in_shape)
    noise = network.noise(3, 0, 4, in_shape)
    x, dy = np.random.default_rng(0).standard_normal((2, 4, 5))
    dy = dy[:, :3]

    def outputs(x):
        return network.forward(params, x, training=training, noise=noise)

    dx, _ = network.backward(params, outputs(x)[1], dy, need_dx=True)
    agree("x", dx, numerical_gradient(lambda x: (outputs(x)[0] * dy).sum(), x, h=1e-5))


@pytest.mark.parametrize("before", [(), (ReLU(),), (BatchNorm(),), (Dropout(0.0), BatchNorm())])
def test_parameters_get_the_same_gradients_without_that_of_the_input(dataset, before):
    data = dataset()
    network = Network((*before, Affine(4), BatchNorm(), Tanh(), Affine())).bind((5,), 3)
    params = network.init(0, (5,))
    noise = network.noise(0, 0, 16, (5,))
    outputs, caches = network.forward(params, data.train.x, training=True, noise=noise)
    dx, with_dx = network.backward(params, caches, outputs, need_dx=True)
    none, without = network.backward(params, caches, outputs)
    assert dx.shape == data.train.x.shape
    assert none is None
    for a, b in zip(with_dx, without, strict=True):
        assert a.keys() == b.keys()
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


@pytest.mark.torch
def test_gradients_of_a_whole_network_equal_pytorch(torch, dataset):
    data = dataset((5,), 3)
    network = mlp([7, 6], "gelu", batch_norm=True).bind((5,), 3)
    params = [{k: v.astype(float) for k, v in p.items()} for p in network.init(5, (5,))]
    loss = SoftmaxCrossEntropy()
    outputs, caches = network.forward(params, data.train.x.astype(float), training=True)
    value, cache = loss.forward(outputs, data.train.y)
    _, grads = network.backward(params, caches, loss.backward(cache))

    nn = torch.nn
    affine = [i for i, layer in enumerate(network.layers) if isinstance(layer, Affine)]
    norms = [i for i, layer in enumerate(network.layers) if isinstance(layer, BatchNorm)]
    gelu = {"approximate": "tanh"}
    twin = nn.Sequential(
        *(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.GELU(**gelu)),
        *(nn.Linear(7, 6), nn.BatchNorm1d(6), nn.GELU(**gelu), nn.Linear(6, 3)),
    ).double()
    linear = [m for m in twin if isinstance(m, nn.Linear)]
    with torch.no_grad():
        for i, m in zip(affine, linear, strict=True):
            m.weight[:] = torch.tensor(params[i]["W"].T)
            m.bias[:] = torch.tensor(params[i]["b"])
    twin_value = nn.functional.cross_entropy(
        twin(torch.tensor(data.train.x.astype(float))), torch.tensor(data.train.y)
    )
    twin_value.backward()
    np.testing.assert_allclose(value, twin_value.item(), rtol=1e-12)
    for i, m in zip(affine, linear, strict=True):
        np.testing.assert_allclose(grads[i]["W"], m.weight.grad.T, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(grads[i]["b"], m.bias.grad, rtol=1e-9, atol=1e-12)
    for i, m in zip(norms, [m for m in twin if isinstance(m, nn.BatchNorm1d)], strict=True):
        np.testing.assert_allclose(grads[i]["gamma"], m.weight.grad, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(grads[i]["beta"], m.bias.grad, rtol=1e-9, atol=1e-12)


# --- the judge: it must see what is broken --------------------------------------------------


class ReLUOfEverything(ReLU):
    def derivative(self, saved):
        return np.ones_like(saved)


class SigmoidSlightlyOff(Sigmoid):
    def derivative(self, saved):
        return 1.001 * saved * (1 - saved)


class TanhOfTheInput(Tanh):
    saves = "x"  # but the derivative is written in y


class SummedBatchNorm(BatchNorm):
    def backward(self, params, cache, dy, *, need_dx=True):
        return super().backward(params, (*cache[:-1], False), dy, need_dx=need_dx)


class BatchNormWithoutGamma(BatchNorm):
    def backward(self, params, cache, dy, *, need_dx=True):
        ones = {**params, "gamma": np.ones_like(params["gamma"])}
        return super().backward(ones, cache, dy, need_dx=need_dx)


class ForgetfulDropout(Dropout):
    def backward(self, params, cache, dy, *, need_dx=True):
        return dy, {}


class MeanBias(Affine):
    def backward(self, params, cache, dy, *, need_dx=True):
        dx, grads = super().backward(params, cache, dy, need_dx=need_dx)
        return dx, {**grads, "b": grads["b"] / len(dy)}


class NotANumber(Affine):
    def backward(self, params, cache, dy, *, need_dx=True):
        dx, grads = super().backward(params, cache, dy, need_dx=need_dx)
        return dx, {**grads, "W": grads["W"] * np.nan}


class Nothing(Affine):
    def backward(self, params, cache, dy, *, need_dx=True):
        dx, grads = super().backward(params, cache, dy, need_dx=need_dx)
        return dx, {name: np.zeros_like(g) for name, g in grads.items()}


BROKEN = [
    ReLUOfEverything(),
    SigmoidSlightlyOff(),
    TanhOfTheInput(),
    SummedBatchNorm(),
    BatchNormWithoutGamma(),
    ForgetfulDropout(),
    MeanBias(6),
    NotANumber(6),
    Nothing(6),
]


@pytest.mark.parametrize("layer", BROKEN, ids=lambda layer: type(layer).__name__)
def test_a_broken_layer_fails(dataset, layer):
    network = Network((Affine(6), Tanh(), layer, Tanh(), Affine()))
    result = check_gradients(network, dataset())
    assert not result
    assert "DISAGREE" in str(result)
    assert network.layers[2] is layer
    assert int(result.where.split()[1]) <= 2  # at fault is this layer, or what lies before it


class HalfLoss(MeanSquaredError):
    def backward(self, cache):
        return super().backward(cache) / 2


def test_a_broken_loss_fails(dataset):
    assert not check_gradients(mlp([4]), dataset(classes=False), loss=HalfLoss())


def test_the_worst_element_is_named(dataset):
    class OneElement(Affine):
        def backward(self, params, cache, dy, *, need_dx=True):
            dx, grads = super().backward(params, cache, dy, need_dx=need_dx)
            W = grads["W"].copy()
            W[3, 1] += 1
            return dx, {**grads, "W": W}

    result = check_gradients(Network((OneElement(4), Tanh(), Affine())), dataset(), samples=20)
    assert result.where == "layer 0 OneElement W[3, 1]"
    assert result.analytic == pytest.approx(result.numerical + 1)
    assert result.where in str(result)


def test_one_row_through_batch_norm_is_refused_because_it_proves_nothing(dataset):
    with pytest.raises(ShoalError, match="rows=1 must be a whole number >= 2"):
        check_gradients(mlp([4], batch_norm=True), dataset(), rows=1)
    x = np.random.default_rng(0).standard_normal((1, 5))
    params = {n: np.full(5, 1.0) for n in ("gamma", "beta", "mean", "var")}
    for layer in (BatchNorm(), SummedBatchNorm()):
        _, cache = layer.forward(params, x, training=True)
        _, grads = layer.backward(params, cache, np.ones((1, 5)))
        np.testing.assert_array_equal(grads["gamma"], 0)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"rows": 17}, "rows=17 is more than the 16 training rows"),
        ({"rows": 2.5}, "rows=2.5 must be a whole number >= 2"),
        ({"samples": 0}, "samples=0 must be a whole number >= 1"),
        ({"h": 0}, "h=0 must be a number > 0"),
    ],
)
def test_settings_out_of_range_are_refused(dataset, settings, text):
    with pytest.raises(ShoalError, match=text):
        check_gradients(mlp([4]), dataset(), **settings)


def test_nothing_to_check_is_no_proof(dataset):
    result = check_gradients(Network((ReLU(),)), dataset((3,), 3))
    assert result.checked == 0
    assert not result


def test_more_samples_check_more_numbers(dataset):
    few, many = (check_gradients(mlp([4]), dataset(), samples=n).checked for n in (1, 1000))
    assert few == 4
    assert many == 5 * 4 + 4 + 4 * 3 + 3


def test_the_check_changes_nothing_and_repeats(dataset):
    data = dataset()
    x = data.train.x.copy()
    first, second = (check_gradients(mlp([4]), data) for _ in range(2))
    assert first == second
    np.testing.assert_array_equal(data.train.x, x)


# --- kinks ----------------------------------------------------------------------------------


def at_a_kink(distance):
    """One row whose only hidden unit lies `distance` above the kink of ReLU."""
    network = Network((Affine(1), ReLU(), Affine(1)))
    params = [
        {"W": np.array([[1.0]]), "b": np.array([distance])},
        {},
        {"W": np.array([[2.0]]), "b": np.array([0.5])},
    ]
    x, y = np.array([[0.0], [1.0]]), np.array([[1.0], [1.0]])
    return compare_gradients(
        network, params, x, y, MeanSquaredError(), [None] * 3, 10, seed=0, h=1e-5, tolerance=1e-5
    )


def test_kinks_are_left_out_and_counted():
    result = at_a_kink(5e-6)  # b - h lies on the other side of the kink, b - h/10 does not
    assert result
    assert (result.kinks, result.checked) == (1, 3)
    assert "1 at a kink left out" in str(result)


def test_far_from_the_kink_nothing_is_left_out():
    assert (at_a_kink(1e-3).kinks, at_a_kink(1e-3).checked) == (0, 4)


def test_a_broken_layer_is_not_excused_by_its_kinks(dataset):
    result = check_gradients(
        Network((Affine(20), ReLUOfEverything(), Affine())), dataset(), samples=200
    )
    assert not result
    assert result.kinks < result.checked / 10


def test_a_check_reads_as_a_sentence():
    check = GradientCheck(2e-9, "layer 0 Affine b[1]", 0.5, 0.5000001, 12, 0, 1e-5)
    assert str(check) == (
        "gradients agree: largest relative error 2.0e-09 (tolerance 1e-05) at layer 0 Affine b[1]: "
        "backpropagation 0.5, differences 0.5000001 (12 numbers checked)"
    )


# --- numerical_gradient ---------------------------------------------------------------------


def test_differences_are_exact_for_quadratics():
    A = np.array([[2.0, 1.0], [1.0, 3.0]])
    x = np.array([0.7, -1.3])
    np.testing.assert_allclose(numerical_gradient(lambda v: v @ A @ v, x), 2 * A @ x, rtol=1e-9)


def test_the_error_of_differences_falls_with_the_square_of_h():
    errors = [abs(numerical_gradient(np.exp, 0.0, h=h).item() - 1) for h in (1e-1, 1e-2)]
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.01)


def test_the_book_s_derivatives():
    gradient = numerical_gradient(lambda x: (0.01 * x**2 + 0.1 * x).sum(), [5.0, 10.0])
    np.testing.assert_allclose(gradient, [0.1999999999990898, 0.2999999999997449], rtol=1e-10)


def test_differences_keep_the_shape_and_the_input():
    x = np.zeros((2, 3), np.float32)
    x.flags.writeable = False
    gradient = numerical_gradient(lambda a: (a * np.arange(6).reshape(2, 3)).sum(), x)
    assert gradient.dtype == np.float64
    np.testing.assert_allclose(gradient, np.arange(6).reshape(2, 3), atol=1e-9)


def test_a_function_that_writes_into_its_argument_does_no_harm():
    def f(a):
        value = (a**2).sum()
        a[:] = 0
        return value

    np.testing.assert_allclose(numerical_gradient(f, [3.0, 4.0]), [6, 8], rtol=1e-8)


def test_a_step_of_no_size_is_refused():
    with pytest.raises(ShoalError, match="h=0 must be a number > 0"):
        numerical_gradient(np.sum, [1.0], h=0)


def test_kinky_layers_agree_at_random_points_too(dataset):
    data = dataset((5,), 3)
    for layer in (ReLU(), LeakyReLU(0.0), LeakyReLU(0.9)):
        assert check_gradients(Network((Affine(9), layer, Affine())), data, samples=100)


# --- a loss by itself -----------------------------------------------------------------------


def test_check_loss_passes_every_loss(loss_case):
    check = check_loss(loss_case.loss, *loss_case.problem())
    assert check, str(check)
    assert check.checked + check.kinks == 2 * 6 * 4


@pytest.mark.parametrize("row", [0, 5])
def test_check_loss_finds_one_wrong_row_and_names_it(row):
    def gradient(y, t):
        slope = 2 * (y - t)
        slope[..., row, 2] *= 1.01
        return slope

    loss = CustomLoss(lambda y, t: ((y - t) ** 2).sum(axis=-1), gradient)
    rng = np.random.default_rng(0)
    check = check_loss(loss, rng.standard_normal((6, 4)), rng.standard_normal((6, 4)))
    assert not check
    assert check.where in (f"outputs[0, {row}, 2]", f"outputs[1, {row}, 2]")
    assert check.error == pytest.approx(0.01, rel=0.02)


def test_check_loss_leaves_kinks_out():
    loss = CustomLoss(lambda y, t: abs(y - t).sum(axis=-1), lambda y, t: np.sign(y - t))
    y = np.array([[5e-6, 1.0, -2.0]])  # |y| turns between y - h and y + h
    check = check_loss(loss, y, np.zeros((1, 3)))
    assert check, str(check)
    assert (check.kinks, check.checked) == (2, 4)


BROKEN_LOSSES = {
    "rows that look at each other": (
        CustomLoss(lambda y, t: (y - y.mean(axis=-2, keepdims=True)).sum(axis=-1), lambda y, t: y),
        "gives row 0 another value alone than among others",
    ),
    "the mean instead of the rows": (
        CustomLoss(lambda y, t: ((y - t) ** 2).mean(), lambda y, t: y - t),
        r"value of CustomLoss must return an array of shape \(2, 6\), not shape \(\)",
    ),
    "a gradient of another shape": (
        CustomLoss(lambda y, t: y.sum(axis=-1), lambda y, t: y.sum(axis=-1)),
        r"gradient of CustomLoss must return .* \(2, 6, 4\), not shape \(2, 6\)",
    ),
    "no array": (
        CustomLoss(lambda y, t: 1.0, lambda y, t: y),
        r"value of CustomLoss must return .* \(2, 6\), not float",
    ),
    "not finite": (
        CustomLoss(lambda y, t: np.full(y.shape[:-1], np.inf), lambda y, t: y),
        "is not finite for outputs that are",
    ),
}


@pytest.mark.parametrize(("loss", "words"), BROKEN_LOSSES.values(), ids=BROKEN_LOSSES)
def test_check_loss_refuses_what_is_no_loss(loss, words):
    y = np.random.default_rng(0).standard_normal((6, 4))
    with pytest.raises(ShoalError, match=words):
        check_loss(loss, y, y)
