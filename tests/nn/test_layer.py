"""What holds for every layer of the table in conftest.py."""

import dataclasses

import numpy as np
import pytest

from shoal.nn import Affine, Dropout, Layer, Parameter

ODD_SHAPES = [(1, 1, 1), (1, 5, 3), (2, 1, 7), (3, 8, 1), (3, 33, 17), (7, 100, 130)]
FORMS = {"with a member axis": True, "without a member axis": False}


@pytest.mark.parametrize("shared", [False, True], ids=["own x", "shared x"])
@pytest.mark.parametrize("axis", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(("members", "batch", "width"), ODD_SHAPES)
def test_a_member_computes_the_same_bits_alone_as_in_company(
    case, members, batch, width, axis, shared
):
    company = case.problem(
        members, batch=batch, width=width, shared=shared, dtype=np.float32, seed=members
    )
    together = company.everything()
    for i in range(members):
        for name, own in company.member(i, axis=axis).everything().items():
            ours = together[name]
            ours = ours[min(i, len(ours) - 1)]  # nothing in it differs between the members
            np.testing.assert_array_equal(ours, own[0] if axis else own, f"{name} of {i}")


@pytest.mark.parametrize("members", [None, 1, 3])
def test_float32_stays_float32(case, members):
    # arrays are read-only, so this also shows that nothing is changed in place
    for name, array in case.problem(members, dtype=np.float32).everything().items():
        assert array.dtype == np.float32, name


@pytest.mark.parametrize("members", [None, 3])
def test_shapes_are_those_announced(case, members):
    problem = case.problem(members)
    lead = () if members is None else (members,)
    spec = problem.layer.parameters(problem.x.shape[len(lead) + 1 :])
    found = problem.everything()
    assert found.pop("y").shape == problem.dy.shape
    assert found.pop("dx").shape == problem.x.shape
    trained = {f"d{name}": p.shape for name, p in spec.items() if p.trained}
    running = {name: p.shape for name, p in spec.items() if not p.trained and problem.training}
    assert {n: a.shape[len(lead) :] for n, a in found.items()} == trained | running


def test_gradients_of_parameters_do_not_depend_on_need_dx(case):
    problem = case.problem(3)
    _, with_dx = problem.backward(need_dx=True)
    _, without = problem.backward(need_dx=False)
    assert with_dx.keys() == without.keys()
    for name in with_dx:
        np.testing.assert_array_equal(with_dx[name], without[name])


def test_a_layer_is_a_frozen_value(case):
    layer = case.layer
    assert layer == dataclasses.replace(layer)
    assert hash(layer) == hash(dataclasses.replace(layer))
    with pytest.raises(dataclasses.FrozenInstanceError):
        layer.anything = 1


@pytest.mark.parametrize("members", [None, 3])
def test_layers_follow_the_array_api_standard(case, members):
    strict = pytest.importorskip("array_api_strict")
    problem = case.problem(members)
    expected = problem.everything()
    for name, array in problem.mapped(lambda a: strict.asarray(a.copy())).everything().items():
        np.testing.assert_allclose(np.asarray(array), expected[name], rtol=1e-12, err_msg=name)


@pytest.mark.torch
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-10), (np.float32, 2e-5)])
def test_forward_and_backward_equal_pytorch(torch, case, dtype, rtol):
    problem = case.problem(batch=9, dtype=dtype)

    def tensor(array, leaf=True):
        return torch.tensor(array, requires_grad=leaf)

    params = {name: tensor(value) for name, value in problem.params.items()}
    x = tensor(problem.x)
    y = case.twin(torch.nn.functional, params, x, tensor(problem.noise, leaf=False))
    y.backward(tensor(problem.dy, leaf=False))
    twin = {"y": y.detach(), "dx": x.grad} | {f"d{name}": p.grad for name, p in params.items()}
    found = problem.everything()
    for name in ("y", *(n for n in found if n.startswith("d"))):
        np.testing.assert_allclose(found[name], twin[name], rtol, rtol, err_msg=name)


def test_the_base_layer_is_the_identity():
    x = np.arange(6.0).reshape(2, 3)
    y, cache = Layer().forward({}, x)
    assert y is x
    assert Layer().backward({}, cache, x) == (x, {})
    assert Layer().out_shape((3,)) == (3,)
    assert Layer().parameters((3,)) == {}
    assert Layer().running({}, cache) == {}


@dataclasses.dataclass(frozen=True)
class TwoWeights(Layer):
    def parameters(self, in_shape):
        return {name: Parameter((50, 50), fans=(50, 50)) for name in ("U", "V")}


def test_two_weights_of_one_layer_get_different_draws():
    values = TwoWeights().init((0, 0), (50,))
    assert abs(np.corrcoef(values["U"].ravel(), values["V"].ravel())[0, 1]) < 0.1


def test_a_drawn_parameter_is_a_weight_and_others_are_not():
    layer = Affine(2)
    assert {n: p.is_weight for n, p in layer.parameters((3,)).items()} == {"W": True, "b": False}
    assert layer.has_weights((3,))
    assert not Dropout().has_weights((3,))
