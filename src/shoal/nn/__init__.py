"""What a network is: layers, losses, initialisation, and the proof of their gradients.

Mathematics only: pure functions of arrays, which keep no state and change nothing in place.
"""

from shoal.nn.activations import ACTIVATIONS, GELU, Activation, LeakyReLU, ReLU, Sigmoid, Tanh
from shoal.nn.affine import Affine
from shoal.nn.batch_norm import BatchNorm
from shoal.nn.conv import Conv2D
from shoal.nn.convnet import as_convnet, convnet
from shoal.nn.dropout import Dropout
from shoal.nn.embedding import PeriodicEmbedding
from shoal.nn.flatten import Flatten
from shoal.nn.gradients import (
    GradientCheck,
    check_gradients,
    check_loss,
    numerical_gradient,
)
from shoal.nn.init import Equal, standard_deviation
from shoal.nn.layer import Layer, Parameter
from shoal.nn.losses import (
    LOSSES,
    BinaryCrossEntropy,
    CustomLoss,
    Huber,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    Poisson,
    Quantile,
    SoftmaxCrossEntropy,
)
from shoal.nn.mlp import as_mlp, mlp
from shoal.nn.network import Network
from shoal.nn.pool import AvgPool2D, MaxPool2D
from shoal.nn.space import NetworkSpace
from shoal.nn.summary import Summary

__all__ = [
    "ACTIVATIONS",
    "GELU",
    "LOSSES",
    "Activation",
    "Affine",
    "AvgPool2D",
    "BatchNorm",
    "BinaryCrossEntropy",
    "Conv2D",
    "CustomLoss",
    "Dropout",
    "Equal",
    "Flatten",
    "GradientCheck",
    "Huber",
    "Layer",
    "LeakyReLU",
    "Loss",
    "MaxPool2D",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Network",
    "NetworkSpace",
    "Parameter",
    "PeriodicEmbedding",
    "Poisson",
    "Quantile",
    "ReLU",
    "Sigmoid",
    "SoftmaxCrossEntropy",
    "Summary",
    "Tanh",
    "as_convnet",
    "as_mlp",
    "check_gradients",
    "check_loss",
    "convnet",
    "mlp",
    "numerical_gradient",
    "standard_deviation",
]
