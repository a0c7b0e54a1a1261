"""Writes programs that play as agents, and runs an agent in a level's folder."""

from __future__ import annotations

from pathlib import Path

from arena.evaluation import agents
from arena.evaluation.agent_process import WorkingDirectory
from arena.evaluation.agents import AgentOptions

RUN = AgentOptions(budget_steps=1000, seed=3, lock_in=150.0)


def script(folder: Path, name: str, text: str) -> Path:
    """Write an executable file; return its path."""
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def play(agent: agents.Agent, level_dir: Path) -> int | None:
    """Run an agent to its end; return its exit code, or None after 30 seconds."""
    with WorkingDirectory(level_dir) as directory:
        process = agent.start(directory)
        code = process.wait(30)
        process.stop()
    return code
