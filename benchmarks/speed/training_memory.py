"""Measures the resident memory of evolution's processes, and of CMA-ES alone."""

from __future__ import annotations

import functools
import os
import re
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np

from agent.evolution.cma_es import Evolution
from agent.world_model.packed_model import PRESETS
from arena.environment.levels import Level
from arena.workers.pool import Pool
from training import evolve
from training.search import rollouts
from training.search.search import Search, SearchSettings

WARM_GENERATIONS = 5  # generations before the growth of memory is measured
CMA_PARAMETERS, CMA_POPULATION, CMA_GENERATIONS = 9_000, 80, 5


def memory_over_generations(
    folder: Path, networks: Path, level: Level, generations: int
) -> dict[str, Any]:
    """Return the resident MiB of the driver and of two workers, over generations of evolution."""
    options = evolve.Options(
        vision=folder,
        memory=folder,
        out=folder / "evolution",
        population=8,
        episodes=1,
        max_steps=20,
        mean_every=10,
        mean_episodes=1,
    )
    options.out.mkdir()
    search = Search(options.out, SearchSettings.of(options), [level], PRESETS["compact"].n_features)
    make = functools.partial(rollouts.CandidatePlayer, networks, options.max_steps, None)
    driver, workers = [], []
    with Pool(make, 2) as pool:
        for _ in range(generations):
            search.run_generation(pool)
            search.save()
            driver.append(resident_mib(os.getpid()))
            workers.append(max(resident_mib(number) for number in pool.process_ids))
    warm = WARM_GENERATIONS - 1
    return {
        "generations": generations,
        "driver": {"warm": driver[warm], "last": driver[-1], "peak": max(driver)},
        "worker": {"warm": workers[warm], "last": workers[-1], "peak": max(workers)},
        "grown": {
            "driver": round(driver[-1] - driver[warm], 1),
            "worker": round(workers[-1] - workers[warm], 1),
        },
    }


def cma_memory() -> dict[str, Any]:
    """Return the peak resident MiB of a process that only runs CMA-ES, at the contest's size."""
    with Pool(Cma, 1) as pool:
        ((_, figures),) = pool.run([CMA_GENERATIONS])
    return figures


class Cma:
    """Runs generations of CMA-ES in its own process."""

    def __call__(self, generations: int) -> dict[str, Any]:
        before = resident_mib(os.getpid())
        evolution = Evolution(CMA_PARAMETERS, CMA_POPULATION, 1.0, seed=1)
        started = time.perf_counter()
        for _ in range(generations):
            drawn = evolution.ask()
            evolution.tell(drawn, -np.square(drawn - 1).sum(1))
        seconds = (time.perf_counter() - started) / generations
        return {
            "parameters": CMA_PARAMETERS,
            "population": CMA_POPULATION,
            "seconds_a_generation": round(seconds, 3),
            "process_peak_mib": peak_mib(),
            "of_it_before_mib": before,
        }


def peak_mib() -> float:
    """Return the peak resident memory of this process.

    It is not read with getrusage: on Linux that includes the parent's memory at the start.
    """
    (line,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return round(int(line) / 1024, 1)


def resident_mib(process: int) -> float:
    """Return the present resident memory of a process."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return round(pages * resource.getpagesize() / 2**20, 1)
