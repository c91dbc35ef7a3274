"""Searches on a real local Ray of two worker processes."""

import pytest

from tests.searches.cluster_contract import ClusterContract

ray = pytest.importorskip("ray", reason="needs the extra [ray]")


@pytest.fixture(scope="module")
def cluster():
    from ray.util.joblib import register_ray

    register_ray()
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


class TestRay(ClusterContract):
    backend = "ray"
