"""The contest on this machine: it evaluates agents as the contest did, and shows the results.

`from arena import evaluate` evaluates an agent. `import arena` registers the Gymnasium environments
PangolinDash-v0 and RetroContest-v0.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from gymnasium.envs.registration import register

if TYPE_CHECKING:
    from arena.evaluation.python_evaluation import evaluate as evaluate

# Agents of the contest are often called agent.py. Python would import such a file of the working
# folder in place of the package `agent`.
_agent = find_spec("agent")
if _agent is not None and _agent.submodule_search_locations is None:
    raise ImportError(
        f"{_agent.origin} hides this project's package `agent`: rename it, or work in another"
        " folder"
    )

# The entry points are strings, because their module loads the emulator, which few modules need.
for _name, _make in (
    ("PangolinDash-v0", "make_pangolin_dash"),
    ("RetroContest-v0", "make_retro_contest"),
):
    _module = "arena.environment.gymnasium_env"
    register(
        _name, entry_point=f"{_module}:{_make}", vector_entry_point=f"{_module}:{_make}_vector"
    )


def __getattr__(name: str) -> Any:
    """Import `evaluate` when it is first used: it loads the emulator, which few modules need."""
    if name != "evaluate":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from arena.evaluation.python_evaluation import evaluate

    return evaluate
