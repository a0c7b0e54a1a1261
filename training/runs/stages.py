"""Names that several stages of training share: the stages and the files that they hand on.

They stand below the commands, so that reading another stage's result imports none of its code.
"""

from __future__ import annotations

COLLECT = "collect"
TRAIN_VISION = "train_vision"
TRAIN_MEMORY = "train_memory"
EVOLVE = "evolve"

SPEC = "spec.json"  # specification of V and M beside their ONNX files, in evolve's run folder
