"""Ensembles of mined prompts against the best of them, on LAMA's T-REx relations.

    python benchmarks/lama_ensemble.py --data ../shared/data --out docs/lama_ensemble.jsonl
    python benchmarks/lama_ensemble.py --table --out docs/lama_ensemble.jsonl

Splits and candidates are those of lama_mining.py. The prompts that `mine` finds are ranked on dev
by log-likelihood; the first ten (or all, where there are fewer; relations with one are left out)
are the members, and weights are learned from training facts. All rules judge the same numbers. P@1
is of LAMA's facts, which select nothing; intervals are a bootstrap over relations.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lama_mining import Relation, rows_of

from promptsearch import (
    MiningSearch,
    Scorer,
    Settings,
    TaskDefinition,
    load_model,
    load_task,
    search,
)
from promptsearch.data import FACTS
from promptsearch.metrics.intervals import bootstrap
from promptsearch.models import LanguageModel
from promptsearch.prediction.ensemble import Ensemble, EnsemblePredictor, Member
from promptsearch.prediction.fit_ensemble import EnsembleConfig, ensemble_section
from promptsearch.prompt_file.prompts_json import SavedPrompt
from promptsearch.scoring.combination import RULES


def measured(definition: TaskDefinition, model: LanguageModel, given: argparse.Namespace) -> Any:
    """P@1 on test of the manual prompt, the best mined one, and each ensemble."""
    found = search(MiningSearch(), definition, model).ranked
    if len(found) < 2:
        return None
    own = Scorer(model, Settings().scoring(FACTS), facts=True)
    test = definition.test().examples[: given.rows]
    saved = [SavedPrompt(trial.id, trial.prompt, {}) for trial in found[: given.top]]
    single = own.judge([definition.prompt, saved[0].prompt], test)
    scores = {
        name: float(each.hits.mean()) for name, each in zip(("manual", "best"), single, strict=True)
    }
    for rule in RULES:
        making = EnsembleConfig(rule, len(saved), given.examples)
        section: Mapping[str, Any] = ensemble_section(saved, definition, own, own, making)
        prompts = {each.id: each.prompt for each in saved}
        members = (Member(m["id"], prompts[m["id"]], m["weight"]) for m in section["members"])
        ensemble = EnsemblePredictor(Ensemble(rule, tuple(members)), own, own)
        scores[rule] = float(ensemble.predict(test).hits.mean())
    return {"members": len(saved), "n": len(test), "p@1": scores}


def table(lines: Sequence[Mapping[str, Any]]) -> str:
    """A line a relation; then means, and the differences to the best single prompt."""
    names = ["manual", "best", *RULES]
    rows = [f"| relation | n | members | {' | '.join(names)} |", f"|{'---|' * (len(names) + 3)}"]
    for line in lines:
        cells = " | ".join(f"{line['p@1'][name]:.3f}" for name in names)
        rows.append(f"| {line['relation']} | {line['n']} | {line['members']} | {cells} |")
    best = np.array([line["p@1"]["best"] for line in lines])
    for name in names:
        own = np.array([line["p@1"][name] for line in lines])
        gain = own - best
        (low, high), _ = bootstrap(lambda drawn, gain=gain: float(gain[drawn].mean()), len(gain))  # type: ignore[misc]
        rows.append(
            f"\n{name}: mean {own.mean():.3f}, minus the best {gain.mean():+.3f} [{low:+.3f}, "
            f"{high:+.3f}] ({(gain > 0).sum()} up, {(gain < 0).sum()} down)"
        )
    return "\n".join(rows)


def known(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.open(encoding="utf-8")] if path.exists() else []


def fill(given: argparse.Namespace) -> None:
    """Relations that the file does not have yet, a line each as it is done."""
    model, data = load_model("builtin"), given.data.resolve()
    have = {line["relation"] for line in known(given.out)}
    for row in rows_of(data / "factual/relations.jsonl"):
        template = row["template"].replace("[X]", "{subject}").replace("[Y]", "[Z]")
        relation = Relation(row["relation"], template, data)
        here = (data / f"factual/lama_trex_facts/{relation.name}.jsonl").exists()
        wanted = not given.relations or relation.name in given.relations
        if not here or not wanted or relation.name in have:
            continue
        with tempfile.TemporaryDirectory() as folder:
            found = measured(load_task(relation.write_task(Path(folder))), model, given)
        if found is not None:
            with given.out.open("a", encoding="utf-8") as out:
                out.write(json.dumps({"relation": relation.name, **found}) + "\n")
        print(relation.name, found, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("relations", nargs="*", help="default: all that data holds")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--top", type=int, default=10)
    parser.add_argument("--rows", type=int, help="of test, at most")
    parser.add_argument("--examples", type=int, default=EnsembleConfig.examples)
    parser.add_argument("--table", action="store_true", help="print it and end")
    given = parser.parse_args()
    if not given.table:
        fill(given)
    print(table(known(given.out)))


if __name__ == "__main__":
    main()
