"""Workers that are killed, that run other code, and clusters that do not close."""

import logging
import os
import signal
import socket
import threading
import time
from contextlib import suppress

import dask
import pytest
from distributed import Client, KilledWorker, LocalCluster
from distributed.comm.core import CommClosedError

from l1kd.datasets import inspect_file
from l1kd.errors import ConfigurationError, MachineError
from l1kd.execution import backends, run, work
from tests.l1kd.execution.processors import Killed, SumPt

# dask's own processes and sockets outlive the block that made them by a moment
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

HOW = [{"executor": "futures", "workers": 2}, {"executor": "dask", "workers": 2}]


@pytest.mark.parametrize("how", HOW, ids=["futures", "dask"])
def test_a_killed_worker_loses_nothing(how, fileset, expected, tmp_path):
    killed = tmp_path / "killed"
    result = run(Killed(killed), fileset, chunksize=25, **how)
    assert killed.exists()
    assert result == expected


@pytest.mark.parametrize("how", HOW, ids=["futures", "dask"])
def test_a_chunk_that_kills_every_worker_is_named(how, data, tmp_path):
    path = str(data / "ttbar2l_PU140.root")
    message = r"4 workers.* worked on entries 25 to 50 of .*ttbar2l.*lower chunksize"
    with pytest.raises(MachineError, match=message):
        run(Killed(), [path], chunksize=25, skip_bad_files=True, checkpoint=tmp_path, **how)
    assert len(list(tmp_path.rglob("*.chunk"))) == 1, "what was finished is kept"


def test_a_given_dask_client_is_used_and_left_open(fileset, expected):
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        assert run(SumPt(), fileset, executor="dask", scheduler=client) == expected
        address = cluster.scheduler_address
        assert run(SumPt(), fileset, executor="dask", scheduler=address) == expected
        assert client.status == "running"


def test_no_scheduler_answers():
    quickly = dask.config.set({"distributed.comm.timeouts.connect": "1s"})
    with quickly, pytest.raises(ConfigurationError, match="no dask scheduler answers"):
        run(SumPt(), "tests/data/pfnano.root", executor="dask", scheduler="tcp://127.0.0.1:9")


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_who_listens_but_is_no_scheduler(words, monkeypatch):
    monkeypatch.setattr(backends, "_ANSWER", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        if words:
            threading.Thread(
                target=lambda: listener.accept()[0].sendall(words), daemon=True
            ).start()
        quickly = dask.config.set({"distributed.comm.timeouts.connect": "1s"})
        with quickly, pytest.raises(ConfigurationError, match=f"no dask scheduler .*{address}"):
            run(SumPt(), "tests/data/pfnano.root", executor="dask", scheduler=address)


@pytest.mark.parametrize("address", ["foo://x:1", "127.0.0.1", "", "tls://127.0.0.1:9"])
def test_what_is_no_address_of_a_scheduler(address):
    with pytest.raises(ConfigurationError, match="expected the address that `dask scheduler`"):
        run(SumPt(), "tests/data/pfnano.root", executor="dask", scheduler=address)


def test_the_address_of_a_worker_is_said():
    with LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0"
    ) as cluster:
        (worker,) = cluster.workers.values()
        with pytest.raises(ConfigurationError, match="is the address of a Worker"):
            run(SumPt(), "tests/data/pfnano.root", executor="dask", scheduler=worker.worker_address)


@pytest.mark.parametrize("given", [lambda c: c, lambda c: c.scheduler_address])
@pytest.mark.parametrize("processes", [True, False])
def test_a_cluster_and_its_address_are_schedulers(given, processes):
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=processes, dashboard_address="127.0.0.1:0"
    ) as cluster:
        result = run(
            SumPt(), "tests/data/pfnano.root", executor="dask", scheduler=given(cluster)
        ).output
    assert result == run(SumPt(), "tests/data/pfnano.root", executor="iterative").output


def test_a_worker_that_ends_is_started_again_at_any_time():
    """Dask would close it for good if it found none after its time-out, by default 15 s."""
    soon = dask.config.set({"distributed.deploy.lost-worker-timeout": "10ms"})
    with soon, backends.dask_client(1, None) as client:
        (first,) = client.scheduler_info()["workers"]
        with suppress(KilledWorker, CommClosedError, OSError):
            client.submit(lambda: os.kill(os.getpid(), signal.SIGKILL)).result(timeout=30)
        until = time.monotonic() + 60
        while time.monotonic() < until and client.submit(int, 7, pure=False).result(30) != 7:
            time.sleep(0.1)
        assert first not in client.scheduler_info()["workers"]
        assert client.nthreads()


def test_a_cluster_that_does_not_close_loses_no_result(caplog):
    class Stuck:
        def close(self, timeout):
            raise TimeoutError("workers did not answer")

    with caplog.at_level(logging.WARNING), backends._closing(Stuck()):
        pass
    assert "the results are complete" in caplog.text


def test_a_scheduler_that_goes_away_is_said(data):
    file = inspect_file(str(data / "pfnano.root"))
    job = work.job_of(SumPt(), None, elsewhere=True)
    cluster = LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0")
    client = Client(cluster)

    def chunks():
        yield work.Chunk(0, file, 0, 3)
        cluster.close()

    gone = r"scheduler at .* went away; start it again, and the run"
    with client, pytest.raises(MachineError, match=gone):
        list(backends._dask(job, chunks(), client=client))


def test_a_cluster_without_workers_is_said(data, monkeypatch, caplog):
    monkeypatch.setattr(backends, "_ASK", 0.1)
    monkeypatch.setattr(backends, "_PATIENCE", 1.0)
    file = inspect_file(str(data / "pfnano.root"))
    job = work.job_of(SumPt(), None, elsewhere=True)
    chunks = [work.Chunk(0, file, 0, 3)]
    with (
        LocalCluster(n_workers=0, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        with pytest.raises(MachineError, match=r"no worker of the local dask cluster .* 1 s"):
            list(backends._dask(job, chunks, client=client, own=True))
        # one that is given may get workers later
        timer = threading.Timer(2.0, cluster.scale, [1])
        timer.start()
        (outcome,) = backends._dask(job, chunks, client=client)
        assert outcome.fault is None
        assert "has no worker; waiting" in caplog.text


def test_workers_must_run_the_same_l1kd(data, monkeypatch):
    monkeypatch.setattr("l1kd.execution.work.sources_digest", lambda: "mine")
    job = work.job_of(SumPt(), None, elsewhere=False)
    monkeypatch.setattr("l1kd.execution.work.sources_digest", lambda: "another")
    outcome = work.process_chunk(job, work.Chunk(0, None, 0, 1))
    assert isinstance(outcome.fault.error, ConfigurationError)
    assert "runs another l1kd than the one that started the run" in str(outcome.fault.error)
