"""YAML files of the LM evaluation harness, strings quoted as in JSON."""

from collections.abc import Sequence
from pathlib import Path

from promptsearch.formats.shared.cloze import quoted
from promptsearch.prompt_file.prompts_json import SavedPrompt

VERSION = "metadata:\n  version: 1.0\n"


def task_yaml(name: str, saved: SavedPrompt, data: Path, body: Sequence[str]) -> list[str]:
    """Return the lines of a task whose rows lie in `data`; `body` is what it asks of them."""
    return [
        f"# {quoted(saved.prompt.template.notation)}\n",
        f"task: {quoted(name)}\n",
        "dataset_path: json\n",
        "dataset_kwargs:\n  data_files:\n",
        f"    test: {quoted(str(data))}\n",
        "test_split: test\n",
        *body,
        VERSION,
    ]


CHOICES = [
    "output_type: multiple_choice\n",
    "doc_to_text: context\n",
    "doc_to_choice: choices\n",
    "doc_to_target: label\n",
    'target_delimiter: ""\n',
    "metric_list:\n  - metric: acc\n    aggregation: mean\n    higher_is_better: true\n",
]  # the body of a task that compares continuations


def group_yaml(group: str, names: Sequence[str], metric: str) -> list[str]:
    """Return the lines of a group of tasks, with the mean of their metric."""
    return [
        f"group: {quoted(group)}\n",
        "task:\n",
        *(f"  - {quoted(name)}\n" for name in names),
        f"aggregate_metric_list:\n  - metric: {metric}\n    aggregation: mean\n",
        *(["    filter_list: stop\n"] if metric != "acc" else []),
        VERSION,
    ]
