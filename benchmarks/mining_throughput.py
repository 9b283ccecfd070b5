"""How fast text is mined, and in how much memory, beside a per-sentence set lookup.

    python benchmarks/mining_throughput.py [--data ../shared/data] [--facts 40000] [--workers 1]

The baseline cuts each sentence into words and looks every run of up to five words up in the set of
names: the usual pure-Python way. It reads the first `--baseline-mb` megabytes only.
"""

import argparse
import gzip
import json
import os
import re
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from promptsearch.parallel import Workers
from promptsearch.searchers.mine.corpus_pass import MiningRequest, jobs, run_pass
from promptsearch.searchers.mine.search_terms import SearchTerms
from promptsearch.searchers.mine.snippet_extractor import SnippetLimits

MB = 1e6
NGRAM = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--facts", type=int, default=40_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--tasks", type=int, default=1, help="cut the facts into so many tasks")
    parser.add_argument("--baseline-mb", type=float, default=5.0)
    options = parser.parse_args()
    facts = list(read_facts(options.data / "factual", options.facts))
    with TemporaryDirectory() as folder:
        files = decompressed(options.data / "text", Path(folder))
        ours = mined(files, facts, options.tasks, options.workers, Path(folder))
        print(f"{options.facts:,} facts, {options.tasks} task(s), {options.workers} worker(s)")
        print(f"promptsearch: {ours:6.2f} MB/s per core, peak memory {peak_mb():,.0f} MB")
        theirs = looked_up(files, facts, options.baseline_mb * MB)
    print(f"set lookup:   {theirs:6.2f} MB/s per core")
    print(f"ratio:        {ours / theirs:6.1f}")


def read_facts(folder: Path, wanted: int) -> Iterator[tuple[str, str]]:
    """Distinct facts: AutoPrompt's training facts, then LAMA's until there are enough."""
    seen: set[tuple[str, str]] = set()
    for part in ("trex_train_facts", "lama_trex_facts"):
        for path in sorted((folder / part).glob("*.jsonl")):
            for line in path.open(encoding="utf-8"):
                row = json.loads(line)
                fact = row["sub_label"], row["obj_label"]
                if fact not in seen and len(seen) < wanted and all(fact):
                    seen.add(fact)
                    yield fact
    if len(seen) < wanted:
        sys.exit(f"{folder} holds only {len(seen):,} facts")


def decompressed(folder: Path, into: Path) -> list[Path]:
    files = []
    for path in sorted(folder.glob("*.txt.gz")):
        files.append(into / path.stem)
        files[-1].write_bytes(gzip.decompress(path.read_bytes()))
    return files


def mined(
    files: list[Path], facts: list[tuple[str, str]], tasks: int, workers: int, folder: Path
) -> float:
    """Megabytes a second and core, matching, joining, counting and writing all included."""
    wishes = {
        task: MiningRequest(SearchTerms(facts=tuple(facts[task::tasks])), tuple(files), (), True)
        for task in range(tasks)
    }
    start = time.perf_counter()
    with Workers(workers).open(print) as pool:
        swept = run_pass(list(jobs(wishes, SnippetLimits())), folder / "shards", pool, print)
    rows = sum(1 for _ in swept.counted())
    seconds = time.perf_counter() - start
    print(f"{swept.counts.hits.total():,} hits, {rows:,} snippets in {seconds:.1f} s")
    return sum(path.stat().st_size for path in files) / MB / seconds / workers


def looked_up(files: list[Path], facts: list[tuple[str, str]], limit: float) -> float:
    """The baseline's megabytes a second, over the first `limit` bytes of the largest file."""
    names, wanted = {name for fact in facts for name in fact}, set(facts)
    largest = max(files, key=lambda path: path.stat().st_size)
    start, read, hits = time.perf_counter(), 0, 0
    for line in largest.open(encoding="utf-8"):
        for sentence in re.split(r"(?<=[.!?]) +(?=[A-Z])", line):
            words = re.findall(r"\w+(?:[-'’]\w+)*|[^\w\s]", sentence)
            found = {
                name
                for at in range(len(words))
                for size in range(1, NGRAM + 1)
                if (name := " ".join(words[at : at + size])) in names
            }
            hits += sum((one, other) in wanted for one in found for other in found)
        read += len(line.encode())
        if read >= limit:
            break
    return read / MB / (time.perf_counter() - start)


def peak_mb() -> float:
    """Of this process and its finished workers, whichever is larger."""
    usage = [
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return max(usage) * (1 if os.uname().sysname == "Darwin" else 1024) / MB


if __name__ == "__main__":
    main()
