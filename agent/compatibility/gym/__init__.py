"""The part of gym that simple agents of 2018 use, for a Python in which gym is not installed.

OpenAI's JERK, for example, uses `gym.Wrapper`. Where gym is installed, `import gym` gives the
installed one, although the folder of this one comes first on the path.
"""

import importlib.util
import os
import sys
from importlib.machinery import PathFinder

_THIS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_others = [folder for folder in sys.path if os.path.abspath(folder) != _THIS]
_installed = PathFinder.find_spec("gym", _others) if __name__ == "gym" else None

if _installed is not None and _installed.has_location:  # false for a folder without __init__.py
    sys.modules["gym"] = importlib.util.module_from_spec(_installed)
    _installed.loader.exec_module(sys.modules["gym"])  # type: ignore[union-attr]
else:
    from . import spaces
    from .core import ActionWrapper, Env, ObservationWrapper, RewardWrapper, Wrapper
    from .spaces import Space

    __all__ = ["ActionWrapper", "Env", "ObservationWrapper", "RewardWrapper", "Wrapper"]
    __all__ += ["Space", "spaces"]
