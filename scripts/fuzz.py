"""Bytes that break a reader, searched for by atheris: guided by what the code does with them.

    pip install atheris
    python scripts/fuzz.py [--seconds 30] [READER ...]

    python scripts/fuzz.py --damage 5000 [--seed 1]

All readers of tests/fuzzing.py, or these; each for so long, in a process of its own. The exit
status is 1 where one broke; what broke it is printed, and kept in build/fuzz.

With --damage, so many times a file of a finished run is damaged and a command reads it
(tests/finished_runs.py; no atheris): a traceback, or a number that changed unseen, is printed with
its seed.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
FOUND = ROOT / "build" / "fuzz"
LONGEST = 400  # bytes


def main() -> None:
    if sys.argv[1:2] == ["--in-here"]:
        fuzz(sys.argv[2], sys.argv[3:])
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=30, help="for each reader")
    parser.add_argument("--damage", type=int, default=0, metavar="N", help="to finished runs")
    parser.add_argument("--seed", type=int, default=0, help="of the first damage")
    parser.add_argument("readers", nargs="*")
    given = parser.parse_args()
    if given.damage:
        raise SystemExit(bool(damage(given.seed, given.damage)))
    from fuzzing import READERS

    broken = [name for name in given.readers or READERS if not holds(name, given.seconds)]
    print(f"broken: {', '.join(broken) or 'none'}")
    raise SystemExit(bool(broken))


def damage(seed: int, count: int) -> int:
    """Return the number of faults, which are printed."""
    from finished_runs import FinishedRuns

    faults = 0
    with TemporaryDirectory() as room:
        runs = FinishedRuns.inside(Path(room))
        for number in range(seed, seed + count):
            for fault in runs.faults(number):
                faults += 1
                print(fault, flush=True)
    print(f"{count} files damaged, {faults} faults")
    return faults


def holds(name: str, seconds: int) -> bool:
    """Whether the reader stood the search; else what it printed is shown."""
    folder = FOUND / name
    folder.mkdir(parents=True, exist_ok=True)
    limits = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-artifact_prefix={folder}/"]
    command = [sys.executable, __file__, "--in-here", name, *limits, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = done.stderr.splitlines()
    runs = next((line for line in reversed(lines) if line.startswith("Done")), "")
    print(f"{name}: {runs or 'BROKEN'}", flush=True)
    if done.returncode:
        print(done.stderr[-3000:])
    return done.returncode == 0


def fuzz(name: str, words: list[str]) -> None:
    """Does not come back."""
    import atheris

    with atheris.instrument_imports(include=["promptsearch"]):
        from fuzzing import give

    def once(content: bytes) -> None:
        give(name, content)

    atheris.Setup(["fuzz", *words], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
