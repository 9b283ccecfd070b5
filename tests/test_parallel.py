"""Work is spread, comes back once, and outlives its workers, on every engine alike."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from promptsearch.errors import RunError, TaskError
from promptsearch.parallel import WorkerPool, Workers
from promptsearch.parallel.backend import deaf_to_interrupts, thread_environment, threads_each
from promptsearch.parallel.ray import room
from promptsearch.searchers.mine import corpus_pass as sweep
from promptsearch.searchers.mine.search_terms import SearchTerms
from promptsearch.searchers.mine.snippet_extractor import SnippetLimits

PACKAGES = {"loky": "joblib", "dask": "distributed", "ray": "ray"}
TOLD: list[str] = []  # what pools say
SLOW = [pytest.param(backend, marks=pytest.mark.slow) for backend in ("dask", "ray")]
BACKENDS = ["loky", "dask", SLOW[1]]
SQUARES = [(n, n * n) for n in range(8)]


def square(number: int) -> int:
    return number * number


def process(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def dies_once(job: tuple[int, Path]) -> int:
    number, marker = job
    if number == 3 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def dies(number: int) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def fails(tries: Path) -> None:
    with tries.open("a") as file:
        file.write("x")
    raise TaskError("reviews.toml: no [Z]")


def variable(name: str) -> str | None:
    return os.environ.get(name)


@pytest.fixture(scope="module", params=BACKENDS)
def pool(request: pytest.FixtureRequest) -> Iterator[WorkerPool]:
    """Two processes of one engine, the same ones for all tests."""
    pytest.importorskip(PACKAGES[request.param], reason=f"needs the extra {request.param}")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))  # for ray to find our functions
        yield stack.enter_context(Workers(2, request.param, retries=1).open(TOLD.append))


def test_every_job_comes_back_once(pool: WorkerPool) -> None:
    assert pool.size == 2
    assert sorted(pool.each(square, range(8))) == SQUARES
    assert list(pool.each(square, [])) == []


def test_processes_are_kept_from_call_to_call(pool: WorkerPool) -> None:
    first = {pid for _, pid in pool.each(process, [0.1] * 4)}
    again = {pid for _, pid in pool.each(process, [0.1] * 4)}
    assert len(first) == 2
    assert again == first
    assert os.getpid() not in first


def test_processes_share_the_cores(pool: WorkerPool, request: pytest.FixtureRequest) -> None:
    if "ray" in request.node.name:
        pytest.skip("ray sets OMP_NUM_THREADS only, which is set for these tests")
    assert dict(pool.each(variable, ["MKL_NUM_THREADS"])) == {0: str(threads_each(2))}
    assert "MKL_NUM_THREADS" not in os.environ  # dask likes to set it here, too


def test_job_i_goes_to_process_i(pool: WorkerPool) -> None:
    first, again = (dict(pool.each(process, [0.2] * 2)) for _ in range(2))
    assert first == again


def test_results_come_as_they_are_there(pool: WorkerPool) -> None:
    start = time.perf_counter()
    results = pool.each(process, [0.8, 0])
    assert next(results)[0] == 1
    assert time.perf_counter() - start < 0.7
    assert [index for index, _ in results] == [0]


def test_a_job_whose_worker_died_is_sent_again(pool: WorkerPool, tmp_path: Path) -> None:
    jobs = [(n, tmp_path / "marker") for n in range(8)]
    assert sorted(pool.each(dies_once, jobs)) == SQUARES
    assert (tmp_path / "marker").exists()
    assert TOLD[-1] == "job 4 of 8: its worker died; sent again"


def test_a_worker_killed_half_way_costs_nothing_but_time(pool: WorkerPool) -> None:
    victim = dict(pool.each(process, [0.1] * 2))[0]
    results = pool.each(process, [0.2] * 6)
    first = next(results)
    os.kill(victim, signal.SIGKILL)
    rest = dict(results)
    assert sorted([first[0], *rest]) == list(range(6))
    assert victim not in list(rest.values())[2:]


def test_a_job_that_always_kills_its_worker_is_an_error(pool: WorkerPool) -> None:
    with pytest.raises(RunError, match=r"^job 2 of 3: its worker died 2 times, .* memory"):
        list(pool.each(dies, range(3)))
    assert sorted(pool.each(square, range(8))) == SQUARES  # the pool is as good as new


def test_what_the_function_raises_passes_through_at_once(pool: WorkerPool, tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"^reviews.toml: no \[Z\]$"):
        list(pool.each(fails, [tmp_path / "tries"]))
    assert (tmp_path / "tries").read_text() == "x"
    assert sorted(pool.each(square, range(8))) == SQUARES


def test_a_worker_that_died_idle_is_replaced(pool: WorkerPool) -> None:
    for pid in {pid for _, pid in pool.each(process, [0.1] * 2)}:
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.2)
    assert sorted(pool.each(square, range(8))) == SQUARES


def test_mining_with_a_worker_killed_finds_the_same(
    pool: WorkerPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("Oslo is the capital of Norway. Lima, capital of Peru.\n" * 4000)
    size = corpus.stat().st_size // 8
    shards = [sweep.Shard(corpus, at, at + size) for at in range(0, corpus.stat().st_size, size)]
    monkeypatch.setattr(sweep, "shards_of", lambda path, encoding: shards)
    wish = sweep.MiningRequest(
        SearchTerms(facts=(("Norway", "Oslo"), ("Peru", "Lima"))), (corpus,), (), True
    )
    work = list(sweep.jobs({0: wish}, SnippetLimits()))
    with Workers().open() as alone:
        whole = sweep.run_pass(work, tmp_path / "whole", alone, print)
    os.kill(dict(pool.each(process, [0.1] * 2))[0], signal.SIGKILL)
    swept = sweep.run_pass(work, tmp_path / "swept", pool, print)
    assert swept.counts == whole.counts
    assert list(swept.counted()) == list(whole.counted()) != []


def test_one_worker_is_this_process() -> None:
    with Workers().open() as pool:
        results = pool.each(process, [0, 0])
        assert list(results) == [(0, os.getpid()), (1, os.getpid())]
        assert pool.in_process


def test_threads_that_the_user_chose_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert "OMP_NUM_THREADS" not in thread_environment(3)
    assert thread_environment(3)["MKL_NUM_THREADS"] == "3"


def test_an_interrupt_waits_until_the_block_is_over() -> None:
    passed: list[int] = []

    def interrupted() -> None:
        with deaf_to_interrupts():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
            passed.append(1)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert passed


INTERRUPTED = """
import sys, time
from promptsearch.parallel import Workers

def job(seconds):
    time.sleep(seconds)

if __name__ == "__main__":
    with Workers(2, sys.argv[1]).open() as pool:
        try:
            for index, _ in pool.each(job, [0, 0, 60, 60]):
                print(index, flush=True)
        except KeyboardInterrupt:
            print("interrupted")
"""


@pytest.mark.parametrize("backend", ["loky", *SLOW])
def test_an_interrupt_ends_all_processes_without_a_word(backend: str, tmp_path: Path) -> None:
    pytest.importorskip(PACKAGES[backend])
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)
    pipe = subprocess.PIPE
    words = [sys.executable, str(script), backend]
    run = subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    assert run.stdout is not None
    assert sorted(run.stdout.readline() for _ in range(2)) == ["0\n", "1\n"]
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to every process
    out, err = run.communicate(timeout=20)
    assert (out, err, run.returncode) == ("interrupted\n", "", 0)


@pytest.mark.parametrize(
    ("crew", "message"),
    [
        ({"workers": 0}, "at least one worker, not 0"),
        ({"backend": "spark"}, "'spark' is unknown; use one of loky, dask, ray"),
        ({"cluster": "tcp://a:1"}, "loky works on this machine only"),
    ],
)
def test_a_crew_that_cannot_be_is_an_error(crew: dict[str, object], message: str) -> None:
    with pytest.raises(RunError, match=message):
        Workers(**crew)


@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_a_missing_package_is_an_error(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, PACKAGES[backend], None)
    with Workers(2, backend).open() as pool, pytest.raises(RunError) as error:
        next(pool.each(square, [1]))
    distribution = {"dask": "distributed", "ray": "ray"}[backend]
    assert f"needs a package: pip install '{distribution}>=" in str(error.value)


@pytest.mark.parametrize("backend", ["dask", "ray"])
@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense", "tcp://no.such.host.invalid:1"])
def test_an_address_that_nobody_answers_at_is_an_error(
    backend: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(PACKAGES[backend])
    monkeypatch.setattr(f"promptsearch.parallel.{backend}.CONNECT", 0.5)
    start = time.perf_counter()
    with Workers(2, backend, address).open() as pool, pytest.raises(RunError, match=f"'{address}'"):
        next(pool.each(square, [1]))
    assert time.perf_counter() - start < 5


def test_something_else_at_the_address_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("promptsearch.parallel.dask.CONNECT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:  # it takes the call and says nothing
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with Workers(2, "dask", address).open() as pool, pytest.raises(RunError, match="no dask"):
            next(pool.each(square, [1]))


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """A dask scheduler in a process of its own, without workers."""
    pytest.importorskip("distributed")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    words = ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    run = started(words, tmp_path)
    yield f"tcp://127.0.0.1:{port}"
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()


def started(words: list[str], folder: Path) -> "subprocess.Popen[bytes]":
    """`dask ...`, where our test functions can be imported."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    log = (folder / f"{words[0]}.log").open("wb")
    dask = [sys.executable, "-m", "dask", *words]
    return subprocess.Popen(
        dask, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
    )


def test_a_dask_cluster_by_its_address_outlives_a_worker(
    scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = ["worker", scheduler, "--nthreads", "3", "--no-dashboard"]
    runs = [started(worker, tmp_path) for _ in range(2)]
    monkeypatch.setattr("promptsearch.parallel.dask.CONNECT", 10)
    try:
        with Workers(cluster=scheduler, backend="dask").open() as pool:
            while pool.size < 2:
                time.sleep(0.1)
            assert dict(pool.each(variable, ["OMP_NUM_THREADS"])) == {0: "3"}  # its --nthreads
            results = pool.each(process, [0.3] * 8)
            first = next(results)
            os.killpg(runs[0].pid, signal.SIGKILL)  # it does not come back
            assert sorted(index for index, _ in [first, *results]) == list(range(8))
            assert pool.size == 1
            with Workers(2, "dask", scheduler).open() as other:
                assert other.size == 1  # at most two
    finally:
        for run in runs:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()


def test_a_dask_cluster_without_workers_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr("promptsearch.parallel.dask.CONNECT", 1)
    with distributed.LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0") as cluster:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", cluster.scheduler_address)  # no --cluster
        with (
            Workers(2, "dask").open() as pool,
            pytest.raises(RunError, match="start some: dask work"),
        ):
            next(pool.each(square, [1]))


def test_a_folder_that_the_workers_do_not_see_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wish = sweep.MiningRequest(
        SearchTerms(facts=(("Norway", "Oslo"),)), (), ("Oslo, Norway",), True
    )
    monkeypatch.setattr(sweep, "mine_shard", lambda job, folder: None)  # it writes elsewhere
    with Workers().open() as pool, pytest.raises(RunError, match="must see the run's directory"):
        sweep.run_pass(
            list(sweep.jobs({0: wish}, SnippetLimits())), tmp_path / "shards", pool, print
        )


@pytest.mark.parametrize(
    ("nodes", "workers", "gpus", "expected"),
    [
        ([{"CPU": 4}, {"CPU": 2}], 1, 0, (6, 1)),  # all there is
        ([{"CPU": 4}, {"CPU": 2}], 3, 0, (3, 2)),
        ([{"CPU": 3}, {"CPU": 3}], 3, 0, (3, 1)),  # 2 CPUs each would leave one of 3 without room
        ([{"CPU": 16, "GPU": 4}, {"CPU": 8}], 1, 1, (4, 4)),
        ([{"CPU": 16, "GPU": 4}, {"CPU": 8}], 2, 1, (2, 8)),
        ([{"CPU": 2, "GPU": 1}], 1, 0.5, (2, 1)),
    ],
)
def test_room_on_ray_nodes(
    nodes: list[dict[str, float]], workers: int, gpus: float, expected: tuple[int, float]
) -> None:
    assert room(nodes, workers, gpus) == expected


def test_no_room_on_ray_nodes_is_an_error() -> None:
    with pytest.raises(RunError, match="has room for 6 processes with a CPU each, not for 7"):
        room([{"CPU": 4}, {"CPU": 2}], 7)
    with pytest.raises(RunError, match="for 0 processes with a CPU and 1 GPUs each, not for 1"):
        room([{"CPU": 4}], 1, 1)


@pytest.mark.slow
def test_a_ray_cluster_by_its_address(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    environment = os.environ | {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
    words = [*ray, f"--port={port}", "--num-cpus=2", "--num-gpus=2", "--include-dashboard=false"]
    log = (tmp_path / "ray.log").open("wb")
    head = subprocess.Popen(words, env=environment, stdout=log, stderr=log, start_new_session=True)
    code = (
        "import os; from promptsearch.parallel import Workers\n"
        f"with Workers(1, 'ray', '127.0.0.1:{port}', gpus=1).open() as pool:\n"
        "    print(pool.size, *sorted(pool.each(os.getenv, ['CUDA_VISIBLE_DEVICES'] * 2)))"
    )
    try:
        for _ in range(100):
            if b"Ray runtime started" in (tmp_path / "ray.log").read_bytes():
                break
            time.sleep(0.2)
        driver = [sys.executable, "-c", code]
        run = subprocess.run(driver, env=environment, capture_output=True, text=True, timeout=60)
    finally:
        head.terminate()  # it ends its processes
        head.wait()
    assert run.stdout == "2 (0, '0') (1, '1')\n", run.stderr  # a GPU for each of two
