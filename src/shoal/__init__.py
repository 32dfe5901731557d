"""Shoal trains a whole shoal of neural networks at once and says which way of training is best.

The public names are listed in `__init__.pyi`; each is imported when it is asked for, so that
`import shoal` costs next to nothing.
"""

import lazy_loader as _lazy

__version__ = "0.1.0"

__getattr__, __dir__, _names = _lazy.attach_stub(__name__, __file__)

# rooms of the house are there too, as shoal.nn; `import *` must not bind a user's `data` to one
_ROOMS = ("comparison", "data", "engine", "nn", "optim", "study")
__all__ = [name for name in _names if name not in _ROOMS]
