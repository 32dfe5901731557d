"""What a network is: layers, losses, initialisation, and the proof of their gradients.

Mathematics only: pure functions of arrays, which keep no state and change nothing in place.
"""

from shoal.nn.activations import ACTIVATIONS, GELU, Activation, LeakyReLU, ReLU, Sigmoid, Tanh
from shoal.nn.affine import Affine
from shoal.nn.batch_norm import BatchNorm
from shoal.nn.dropout import Dropout
from shoal.nn.flatten import Flatten
from shoal.nn.gradients import GradientCheck, check_gradients, numerical_gradient
from shoal.nn.init import standard_deviation
from shoal.nn.layer import Layer, Parameter
from shoal.nn.losses import LOSSES, Loss, MeanSquaredError, SoftmaxCrossEntropy
from shoal.nn.network import Network, as_mlp, mlp
from shoal.nn.summary import Summary

__all__ = [
    "ACTIVATIONS",
    "GELU",
    "LOSSES",
    "Activation",
    "Affine",
    "BatchNorm",
    "Dropout",
    "Flatten",
    "GradientCheck",
    "Layer",
    "LeakyReLU",
    "Loss",
    "MeanSquaredError",
    "Network",
    "Parameter",
    "ReLU",
    "Sigmoid",
    "SoftmaxCrossEntropy",
    "Summary",
    "Tanh",
    "as_mlp",
    "check_gradients",
    "mlp",
    "numerical_gradient",
    "standard_deviation",
]
