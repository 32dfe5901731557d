import pytest

from shoal.nn import Affine, BatchNorm, Dropout, Flatten, LeakyReLU, Network, convnet, mlp


@pytest.fixture
def summary(dataset):
    return lambda network, in_shape=(5,), outputs=3: network.summary(dataset(in_shape, outputs))


def test_the_table_reads_as_it_should(summary):
    network = mlp([1000], batch_norm=True, dropout=0.2)
    assert str(summary(network, (28, 28), 10)) == (
        "layer         output   parameters  multiply-adds\n"
        "Input         28 × 28\n"
        "Flatten       784               0              0\n"
        "Affine(1000)  1000        785,000        784,000\n"
        "BatchNorm     1000          2,000              0\n"
        "ReLU          1000              0              0\n"
        "Dropout(0.2)  1000              0              0\n"
        "Affine(10)    10           10,010         10,000\n"
        "total                     797,010        794,000"
    )


def test_the_table_of_a_convnet_reads_as_it_should(summary):
    network = convnet([30, 8], (5, 3), batch_norm=True, hidden=[])
    assert str(summary(network, (28, 28), 10)) == (
        "layer               output        parameters  multiply-adds\n"
        "Input               28 × 28\n"
        "Conv2D(30, (5, 3))  24 × 26 × 30         480        280,800\n"
        "BatchNorm           24 × 26 × 30          60              0\n"
        "ReLU                24 × 26 × 30           0              0\n"
        "MaxPool2D(2)        12 × 13 × 30           0              0\n"
        "Conv2D(8, (5, 3))   8 × 11 × 8         3,608        316,800\n"
        "BatchNorm           8 × 11 × 8            16              0\n"
        "ReLU                8 × 11 × 8             0              0\n"
        "MaxPool2D(2)        4 × 5 × 8              0              0\n"
        "Flatten             160                    0              0\n"
        "Affine(10)          10                 1,610          1,600\n"
        "total                                  5,774        599,200"
    )


def test_repr_is_the_table(summary):
    assert repr(summary(mlp([4]))) == str(summary(mlp([4])))


@pytest.mark.parametrize(
    ("network", "parameters", "multiply_adds"),
    [
        (mlp([]), 5 * 3 + 3, 15),
        (mlp([4]), 5 * 4 + 4 + 4 * 3 + 3, 20 + 12),
        (Network((BatchNorm(), Affine())), 2 * 5 + 18, 15),  # running statistics are not trained
        (Network((Dropout(), LeakyReLU(), Affine())), 18, 15),
    ],
    ids=repr,
)
def test_totals(summary, network, parameters, multiply_adds):
    table = summary(network)
    assert (table.parameters, table.multiply_adds) == (parameters, multiply_adds)


def test_totals_count_what_init_makes(summary):
    network = mlp([8, 7], "gelu")
    made = network.bind((5,), 3).init(0, (5,))
    assert summary(network).parameters == sum(a.size for p in made for a in p.values())


def test_one_row_for_each_layer(summary):
    rows = summary(Network((BatchNorm(), Flatten(), Affine())), (4, 3, 2)).rows
    assert [row.layer for row in rows] == ["BatchNorm", "Flatten", "Affine(3)"]
    assert [row.out_shape for row in rows] == [(4, 3, 2), (24,), (3,)]
