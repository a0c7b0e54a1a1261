"""Names that several training stages share: those of the stages, and of files that they pass on.

They have a module of their own, so that a stage can read the result of another one without
importing its code.
"""

from __future__ import annotations

COLLECT = "collect"
DEMONSTRATE = "demonstrate"
TRAIN_VISION = "train_vision"
TRAIN_MEMORY = "train_memory"
EVOLVE = "evolve"

VISION_WEIGHTS = "vision.safetensors"  # weights of V in train_vision's run folder
MEMORY_WEIGHTS = "memory.safetensors"  # weights of M in train_memory's run folder
SPEC = "spec.json"  # specification of V and M beside their ONNX files, in evolve's run folder
