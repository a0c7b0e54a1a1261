"""A real Ray cluster of two nodes on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
STORE_BYTES = 80 * 2**20
# A dead node is detected within seconds; with Ray's defaults it would take half a minute.
HEALTH = {"health_check_period_ms": 500, "health_check_timeout_ms": 5000}


@contextmanager
def two_nodes(temporary: Path | None = None) -> Iterator[tuple[Any, Any]]:
    """Start a cluster; yield it and its second node, which can be killed. Two CPUs per node.

    Workers put their temporary files into `temporary`, if given.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        if temporary is not None:
            patch.setenv("TMPDIR", str(temporary))
        from ray.cluster_utils import Cluster

        head = {
            "num_cpus": 2,
            "object_store_memory": STORE_BYTES,
            "include_dashboard": False,
            "_system_config": HEALTH,
        }
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            yield cluster, cluster.add_node(num_cpus=2, object_store_memory=STORE_BYTES)
        finally:
            cluster.shutdown()
