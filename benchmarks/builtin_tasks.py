"""`promptsearch mine` with its defaults on every built-in task, judged on test.

    python benchmarks/builtin_tasks.py

Prints the table of docs/results.md; test selects nothing.
"""

from collections.abc import Mapping
from typing import Any

from promptsearch import MiningSearch, Scorer, Settings, evaluate, load_model, load_task, search
from promptsearch.data import builtin_tasks
from promptsearch.metrics import headline_metric
from promptsearch.models import LanguageModel
from promptsearch.prompt_file.prompts_json import SavedPrompt


def measured(name: str, model: LanguageModel) -> str:
    """A line of the table: the winner on dev against the manual prompt, on test."""
    task, settings = load_task(name), Settings()
    result = search(MiningSearch(), task, model, settings)
    scorer = Scorer(model, settings.scoring(task.kind), facts=task.kind.merges_alike)
    best = SavedPrompt(result.best.id, result.best.prompt, {})
    metric = headline_metric(task.kind)
    document: Mapping[str, Any] = evaluate([best], task, scorer, task.test()).document(metric)
    ours, manual, majority = (
        row["scores"]["test"]
        for row in (
            document["prompts"][0],
            document["baselines"]["manual"],
            document["baselines"]["majority"],
        )
    )
    low, high = ours["vs_manual"]["ci95"]
    return (
        f"| {name} | {metric} | {ours['n']} | {len(result.trials) - 1} | {majority[metric]:.3f} "
        f"| {manual[metric]:.3f} | {ours[metric]:.3f} | {ours['vs_manual']['delta']:+.3f} "
        f"[{low:+.3f}, {high:+.3f}] | `{result.best.prompt.template}` |"
    )


def main() -> None:
    model = load_model("builtin")
    print("| task | metric | n | mined | majority | manual | best | difference | best template |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in builtin_tasks():
        print(measured(name, model), flush=True)


if __name__ == "__main__":
    main()
