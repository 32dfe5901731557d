"""The scikit-learn face: `ShoalClassifier` and `ShoalRegressor`, and the `Model` that they hold.

What this package offers is listed in `__init__.pyi` and imported when it is asked for: a model that
was loaded from a file predicts without scikit-learn.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
