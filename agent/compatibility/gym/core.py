"""Environments and wrappers with gym's interface of 2018: `step` returns four values."""

from typing import Any, Dict, List, Optional, Tuple

Step = Tuple[Any, float, bool, Dict[str, Any]]


class Env:
    """An environment; a subclass defines `step` and `reset`."""

    metadata: Dict[str, Any] = {"render.modes": []}
    reward_range = (-float("inf"), float("inf"))
    spec = None
    action_space: Any = None
    observation_space: Any = None

    def step(self, action: Any) -> Step:
        """Take a step; return the observation, the reward, whether the episode is done, and {}."""
        raise NotImplementedError

    def reset(self) -> Any:
        """Start an episode; return its first observation."""
        raise NotImplementedError

    def render(self, mode: str = "human") -> Any:
        """Show the environment; the contest showed nothing."""
        raise NotImplementedError

    def close(self) -> None:
        """Do nothing."""

    def seed(self, seed: Optional[int] = None) -> List[int]:
        """Do nothing: the contest drew the random seed of a level."""
        return []

    @property
    def unwrapped(self) -> "Env":
        """The environment without its wrappers."""
        return self


class Wrapper(Env):
    """An environment that passes everything on to another one; a subclass changes something."""

    def __init__(self, env: Any) -> None:
        self.env = env
        self.metadata = env.metadata
        self.reward_range = env.reward_range
        self.action_space = env.action_space
        self.observation_space = env.observation_space

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.env, name)

    def step(self, action: Any) -> Step:
        result: Step = self.env.step(action)
        return result

    def reset(self, **options: Any) -> Any:
        return self.env.reset(**options)

    def render(self, mode: str = "human") -> Any:
        return self.env.render(mode)

    def close(self) -> None:
        self.env.close()

    def seed(self, seed: Optional[int] = None) -> List[int]:
        seeds: List[int] = self.env.seed(seed)
        return seeds

    @property
    def unwrapped(self) -> Env:
        unwrapped: Env = self.env.unwrapped
        return unwrapped


class ObservationWrapper(Wrapper):
    """A wrapper that changes observations with its method `observation`."""

    def step(self, action: Any) -> Step:
        observation, reward, done, info = self.env.step(action)
        return self.observation(observation), reward, done, info

    def reset(self, **options: Any) -> Any:
        return self.observation(self.env.reset(**options))

    def observation(self, observation: Any) -> Any:
        """Return the changed observation."""
        raise NotImplementedError


class RewardWrapper(Wrapper):
    """A wrapper that changes rewards with its method `reward`."""

    def step(self, action: Any) -> Step:
        observation, reward, done, info = self.env.step(action)
        return observation, self.reward(reward), done, info

    def reward(self, reward: float) -> float:
        """Return the changed reward."""
        raise NotImplementedError


class ActionWrapper(Wrapper):
    """A wrapper that changes actions with its method `action`."""

    def step(self, action: Any) -> Step:
        result: Step = self.env.step(self.action(action))
        return result

    def action(self, action: Any) -> Any:
        """Return the action for the wrapped environment."""
        raise NotImplementedError
