"""What the package offers."""

from .classifier import ShoalClassifier
from .file import load_model, save_model
from .history import FitHistory
from .model import Model
from .regressor import ShoalRegressor

__all__ = ["FitHistory", "Model", "ShoalClassifier", "ShoalRegressor", "load_model", "save_model"]
