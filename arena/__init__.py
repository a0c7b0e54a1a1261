"""The contest on this machine: it evaluates agents as the contest did, and shows the results.

from arena import evaluate
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arena.evaluation.python_evaluation import evaluate as evaluate


def __getattr__(name: str) -> Any:
    """Import `evaluate` when it is first used: it loads the emulator, which few modules need."""
    if name != "evaluate":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from arena.evaluation.python_evaluation import evaluate

    return evaluate
