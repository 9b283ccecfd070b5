"""Memory and rows of `promptsearch predict` on a long table, left alone and killed on the way.

    python benchmarks/predict_memory.py [--rows 1000000] [--kills 5] [--folder DIR] [--to csv]

The model is tiny and random: what is measured is everything else. The table is labelled once
without a stop, then again with SIGKILL at random moments and `--resume` after each; the two
files must hold the same bytes, and every row once and in order.
"""

import argparse
import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from promptsearch.bench.memory import PAGE
from promptsearch.models.loading.random_models import Size, random_parts

TINY = Size(layers=1, hidden=32, heads=2, feed_forward=64)
WORDS = (
    *("a", "great", "dull", "long", "short", "film", "plot", "story", "actor"),
    *("of", "the", "and", "was", "really", "not", "very"),
)
SHARES = (0.1, 0.5, 1.0)  # of the rows, at which memory is told
PROMPT = {
    "id": "p1",
    "template": "{text} It was [Z].",
    "verbalizer": {"good": ["great"], "bad": ["terrible"]},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the files go, several 100 MB")
    parser.add_argument("--to", choices=("csv", "jsonl"), default="csv")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # so small a model's threads only wait for each other
    with TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        prompts, table = prompts_in(folder), table_in(folder, options.rows)
        command = [sys.executable, "-m", "promptsearch", "predict", str(prompts), "-q"]
        command += ["--input", str(table), "--output"]
        whole, killed = folder / f"whole.{options.to}", folder / f"killed.{options.to}"
        print("| rows done | MB of the process | rows/s so far |\n|---|---|---|")
        alone([*command, str(whole)], whole, options.rows)
        again([*command, str(killed)], killed, options.rows, options.kills)
        checked(whole, killed, options.rows)


def prompts_in(folder: Path) -> Path:
    """A prompts.json for a tiny model, which is saved beside it."""
    parts = random_parts("masked", TINY)
    parts.model.save_pretrained(folder / "model")
    parts.tokenizer.save_pretrained(folder / "model")
    model = {"spec": str(folder / "model")}
    file = folder / "prompts.json"
    document = {"format": "promptsearch/1", "model": model, "prompts": [PROMPT]}
    file.write_text(json.dumps(document))
    return file


def table_in(folder: Path, rows: int) -> Path:
    """Short rows, no two alike."""
    draw, path = random.Random(0), folder / "rows.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        for row in range(rows):
            writer.writerow([row, f"{' '.join(draw.choices(WORDS, k=6))} {row}"])
    return path


def alone(command: list[str], output: Path, rows: int) -> None:
    """One run without a stop; a line at each share of the rows."""
    start, left = time.monotonic(), list(SHARES)

    def tell(process: "subprocess.Popen[bytes]", done: int) -> bool:
        if done >= left[0] * rows - 1024:  # the chunk before
            speed = done / (time.monotonic() - start)
            print(f"| {done:,} | {resident(process.pid):,.0f} | {speed:,.0f} |", flush=True)
            left.pop(0)
        return bool(left)

    followed(command, output, tell)


def again(command: list[str], output: Path, rows: int, kills: int) -> None:
    """The same, killed when so many rows are done, and resumed."""
    draw = random.Random(1)
    for stop in sorted(draw.randrange(rows // 20, rows - rows // 20) for _ in range(kills)):
        wait = draw.random() / 10  # so that it dies in the middle of something

        def kill(process: "subprocess.Popen[bytes]", done: int, stop: int = stop) -> bool:
            if done < stop:
                return True
            time.sleep(wait)  # noqa: B023
            process.send_signal(signal.SIGKILL)
            return False

        followed([*command, "--resume"], output, kill)
        print(f"killed at {done_in(output):,} rows")
    subprocess.run([*command, "--resume"], check=True)


def followed(
    command: list[str],
    output: Path,
    look: Callable[["subprocess.Popen[bytes]", int], bool],
) -> None:
    """Run it, and look at it as long as `look` says so."""
    with subprocess.Popen(command) as process:
        while process.poll() is None and look(process, done_in(output)):
            time.sleep(0.01)


def done_in(output: Path) -> int:
    """Rows that the journal's last whole line says are done."""
    journal = output.with_name(f"{output.name}.journal")
    try:
        with journal.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 1000))
            lines = file.read().split(b"\n")[:-1]
        return int(json.loads(lines[-1]).get("read", 0))
    except (OSError, IndexError, ValueError):
        return 0


def resident(pid: int) -> float:
    """MB of the process in memory (Linux)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 1e6


def checked(whole: Path, killed: Path, rows: int) -> None:
    """Say whether the files are the same, and hold each row once and in order."""
    same = all(a == b for a, b in zip(blocks(whole), blocks(killed), strict=True))
    ids = [int(row["id"]) for row in rows_of(killed)]
    print(f"same bytes: {same}; {len(ids):,} rows, in order: {ids == list(range(rows))}")


def blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            yield block


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="") as file:
        yield from map(json.loads, file) if path.suffix == ".jsonl" else csv.DictReader(file)


if __name__ == "__main__":
    main()
