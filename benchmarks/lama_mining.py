"""Mined prompts against LAMA's manual ones on T-REx relations, with the built-in model.

    python benchmarks/lama_mining.py --data ../shared/data --out docs/lama_mining.json [P19 P36 ...]

Train: the relation's training facts, none of whose subjects is in LAMA. Dev: the held-out part of
the training evidence. Test: LAMA's facts, which select nothing. Candidates: LAMA's common
vocabulary. Corpus: the evidence sentences and the co-occurrence sentences; only training pairs are
mined. Prints the table of docs/results.md.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from promptsearch import (
    MiningSearch,
    Scorer,
    Searcher,
    Settings,
    evaluate,
    load_model,
    load_task,
    search,
)
from promptsearch.data import FACTS
from promptsearch.metrics.intervals import bootstrap
from promptsearch.models import LanguageModel
from promptsearch.prompt_file.prompts_json import SavedPrompt

Row = Mapping[str, str]


def rows_of(path: Path) -> list[Row]:
    """The rows of a JSONL file; none where it is absent."""
    return [json.loads(line) for line in path.open(encoding="utf-8")] if path.exists() else []


def facts_of(paths: Iterable[Path]) -> dict[tuple[str, str], None]:
    return {(r["sub_label"], r["obj_label"]): None for path in paths for r in rows_of(path)}


@dataclass(frozen=True)
class Relation:
    """The files of one relation, and LAMA's template for it."""

    name: str
    template: str
    data: Path

    def write_task(self, folder: Path) -> Path:
        """A task file over the relation's own files; subjects of LAMA leave train and dev."""
        factual = self.data / "factual"
        test = facts_of([factual / f"lama_trex_facts/{self.name}.jsonl"])
        held = {subject for subject, _ in test}
        evidence = factual / "trex_train_evidence" / self.name
        dev = facts_of([evidence / "dev.jsonl"])
        train = facts_of(
            [evidence / "train.jsonl", factual / f"trex_train_facts/{self.name}.jsonl"]
        )
        held_dev = held | {subject for subject, _ in dev}
        write_facts(folder / "test.jsonl", test)
        write_facts(folder / "dev.jsonl", (f for f in dev if f[0] not in held))
        write_facts(folder / "train.jsonl", (f for f in train if f[0] not in held_dev))
        task = folder / f"{self.name}.toml"
        task.write_text(self._task(folder), encoding="utf-8")
        return task

    def _task(self, folder: Path) -> str:
        return "\n".join(
            [
                f'name = "{self.name}"\nkind = "facts"\nsubject = "sub"\nobject = "obj"',
                *(f'{split} = "{split}.jsonl"' for split in ("train", "dev", "test")),
                f"template = {json.dumps(self.template)}",
                f"candidates = {json.dumps(str(self.data / 'factual/common_vocab_cased.txt'))}",
                f"corpus = {json.dumps(self._corpus(folder))}",
            ]
        )

    def _corpus(self, folder: Path) -> list[str]:
        cooccur = folder / "cooccur.jsonl"
        rows = rows_of(self.data / f"mining/wiki_cooccur/{self.name}.jsonl")
        train = (row for row in rows if row["split"] == "train")
        cooccur.write_text("".join(json.dumps({"text": r["sentence"]}) + "\n" for r in train))
        factual = self.data / "factual"
        evidence = [
            factual / f"trex_train_evidence/{self.name}/train.jsonl",
            factual / f"lama_trex_evidence/{self.name}.jsonl",
        ]
        return [str(path) for path in [*evidence, cooccur] if path.exists() and path.stat().st_size]


def write_facts(path: Path, facts: Iterable[tuple[str, str]]) -> None:
    lines = (json.dumps({"sub": s, "obj": o}, ensure_ascii=False) + "\n" for s, o in facts)
    path.write_text("".join(lines), encoding="utf-8")


def measured(
    relation: Relation, searcher: Searcher, model: LanguageModel, settings: Settings
) -> dict[str, object]:
    """Search on dev, then judge the winner and the manual prompt on test."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        definition = load_task(relation.write_task(Path(name)))
        result = search(searcher, definition, model, settings)
        scorer = Scorer(model, settings.scoring(FACTS), facts=True)
        best = SavedPrompt(result.best.id, result.best.prompt, {})
        document = evaluate([best], definition, scorer, definition.test()).document("p@1")
    return {
        "relation": relation.name,
        "manual": document["baselines"]["manual"]["scores"]["test"],  # type: ignore[index]
        "majority": document["baselines"]["majority"]["scores"]["test"],  # type: ignore[index]
        "best": document["prompts"][0]["scores"]["test"],  # type: ignore[index]
        "template": str(result.best.prompt.template),
        "manual_template": str(definition.prompt.template),
        "tried": result.spent.prompts - 1,
        "seconds": time.perf_counter() - began,
    }


def measure_all(
    data: Path, names: Sequence[str], searcher: Searcher, settings: Settings, out: Path
) -> list[dict[str, object]]:
    """The relations of these names, or all that the data holds; what is known goes to `out`."""
    data, model = data.resolve(), load_model("builtin")
    rows = []
    for row in rows_of(data / "factual/relations.jsonl"):
        template = row["template"].replace("[X]", "{subject}").replace("[Y]", "[Z]")
        relation = Relation(row["relation"], template, data)
        here = (data / f"factual/lama_trex_facts/{relation.name}.jsonl").exists()
        if here and (not names or relation.name in names):
            rows.append(measured(relation, searcher, model, settings))
            print(json.dumps(rows[-1])[:160], file=sys.stderr, flush=True)
            out.write_text(json.dumps(rows, indent=1) + "\n")
    return rows


def table(rows: list[dict[str, object]]) -> str:
    """Markdown: a line a relation, and the mean difference with its interval over relations."""
    lines = ["| relation | n | tried | majority | manual | best | difference | best template |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for row in rows:
        best, manual, majority = (row[name]["p@1"] for name in ("best", "manual", "majority"))  # type: ignore[index]
        lines.append(
            f"| {row['relation']} | {row['best']['n']} | {row['tried']} | {majority:.3f} "  # type: ignore[index]
            f"| {manual:.3f} | {best:.3f} | {best - manual:+.3f} | `{row['template']}` |"
        )
    for name, metric in [("P@1", "p@1"), ("P@1 macro", "p@1_macro"), ("MRR", "mrr")]:
        lines.append("\n" + summary(rows, name, metric))
    return "\n".join(lines)


def summary(rows: list[dict[str, object]], name: str, metric: str) -> str:
    """The mean over relations, and the bootstrap interval of the difference over relations."""
    best, manual = (
        np.array([row[who][metric] for row in rows])  # type: ignore[index]
        for who in ("best", "manual")
    )
    gain = best - manual
    (low, high), _ = bootstrap(lambda drawn: float(gain[drawn].mean()), len(gain))
    return (
        f"{name}, mean over {len(rows)} relations: manual {manual.mean():.3f}, best "
        f"{best.mean():.3f}, difference {gain.mean():+.3f} [{low:+.3f}, {high:+.3f}] "
        f"({(gain > 0).sum()} up, {(gain < 0).sum()} down)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("relations", nargs="*", help="default: all that data holds")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("docs/lama_mining.json"))
    parser.add_argument("--min-count", type=int, default=MiningSearch.min_count)
    parser.add_argument("--objective", default="log-likelihood", choices=["log-likelihood", "p@1"])
    given = parser.parse_args()
    searcher = MiningSearch(min_count=given.min_count)
    settings = Settings(objective=given.objective)
    print(table(measure_all(given.data, given.relations, searcher, settings, given.out)))


if __name__ == "__main__":
    main()
