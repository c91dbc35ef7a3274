"""Searches on a real Dask cluster of two worker processes."""

import os
import signal
from contextlib import suppress

import numpy as np
import pytest

from skkeras_search import GridSearchCV
from tests.searches.cluster_contract import ClusterContract, classifier, when_begun

dask = pytest.importorskip("dask", reason="needs the extra [dask]")
distributed = pytest.importorskip("distributed", reason="needs the extra [dask]")


@pytest.fixture(scope="module")
def cluster():
    patience = {"distributed.deploy.lost-worker-timeout": "300s"}  # on slow machines
    with dask.config.set(patience):
        cluster = distributed.LocalCluster(
            n_workers=2, processes=True, threads_per_worker=1, dashboard_address=None
        )
        client = distributed.Client(cluster)
        yield client
        with suppress(TimeoutError):  # of workers that are being started
            client.close()
            cluster.close()


class TestDask(ClusterContract):
    backend = "dask"

    def test_all_workers_may_be_lost_and_the_data_with_them(self, cluster, tmp_path):
        processes = list(cluster.run(os.getpid).values())

        def kill(_):
            for process in processes:
                os.kill(process, signal.SIGKILL)

        grid = {"units": [1, 2, 3], "note": [str(tmp_path)], "sleep": [1.0]}
        with when_begun(tmp_path, kill) as killed:
            search = self.fit(GridSearchCV(classifier(), grid, cv=2, refit=False))
        assert killed
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
