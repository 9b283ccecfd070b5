"""Rows and YAML of a task of the LM evaluation harness in which a model writes texts.

The harness looks for the strings that end a text from its first character on, promptsearch after
white space. So a text is written to its end there, and a filter cuts it as promptsearch does.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from promptsearch.data import Dataset, Example
from promptsearch.data.tasks.decode_table import Decode
from promptsearch.errors import ExportError
from promptsearch.formats.shared.cloze import quoted
from promptsearch.formats.shared.continuations import Continuations
from promptsearch.prompt_file.prompts_json import SavedPrompt

STAND_IN = "a"  # for what is not written yet


@dataclass(frozen=True)
class TextRows:
    """Rows of one prompt, and notes on them."""

    rows: Sequence[dict[str, Any]]
    notes: Sequence[str]

    @classmethod
    def of(
        cls, saved: SavedPrompt, examples: Dataset, decode: Decode, continuations: Continuations
    ) -> "TextRows":
        """Return the rows. Raises ExportError if the harness reads every prompt differently."""
        filled = [saved.prompt.template.fill(example.inputs) for example in examples]
        (slot,) = saved.prompt.template.slots
        contexts = [continuations.written(each, [((slot, STAND_IN),)]).context for each in filled]
        runtime = continuations.runtime
        ours = continuations.family.generation_ids(runtime, filled, decode.max_tokens)
        pairs = zip(contexts, ours, strict=True)
        differing = sum(continuations.context_ids(context) != ids for context, ids in pairs)
        if examples and differing == len(examples):
            raise ExportError(
                f"{saved.id}: lm-eval would read other tokens than promptsearch in every row (the "
                "tokenizer ends each text, or rows are too long); use `to` python"
            )
        rows = [_row(*pair) for pair in zip(examples, contexts, strict=True)]
        return cls(rows, list(_notes(differing, len(rows))))


def _row(example: Example, context: str) -> dict[str, Any]:
    return {"id": example.id, "context": context, "targets": list(example.targets)}


def _notes(differing: int, rows: int) -> Iterator[str]:
    if differing:
        yield f"lm-eval reads {differing} of {rows} rows as other tokens; texts will differ"
    yield (
        "lm-eval's exact_match leaves out case and punctuation, but not articles as "
        "promptsearch's does"
    )


def text_body(decode: Decode, rows: TextRows) -> list[str]:
    """Return what a YAML file says of how texts are written, cut and measured."""
    metrics = ["  - metric: exact_match\n    ignore_case: true\n    ignore_punctuation: true\n"]
    if all(len(row["targets"]) == 1 for row in rows.rows):
        metrics.append("  - metric: bleu\n")
    return [
        "output_type: generate_until\n",
        "doc_to_text: context\n",
        f"doc_to_target: {'targets' if len(metrics) == 1 else quoted('{{targets[0]}}')}\n",
        'target_delimiter: ""\n',
        "generation_kwargs:\n  until: []\n  do_sample: false\n",
        f"  max_gen_toks: {decode.max_tokens}\n",
        *_beams(decode),
        "  repetition_penalty: 1.0\n",  # in the place of the model's own
        "  no_repeat_ngram_size: 0\n",
        "filter_list:\n  - name: stop\n    filter:\n      - function: regex\n",
        f"        regex_pattern: {quoted(ending_pattern(decode.stop))}\n",
        "      - function: take_first\n",
        "metric_list:\n",
        *(f"{each}    aggregation: {_aggregation(each)}\n    higher_is_better: true\n"
          for each in metrics),
    ]  # fmt: skip


def _beams(decode: Decode) -> Iterator[str]:
    if decode.beams > 1:
        yield f"  num_beams: {decode.beams}\n"
        yield f"  length_penalty: {decode.length_penalty}\n"


def _aggregation(metric: str) -> str:
    return "bleu" if "bleu" in metric else "mean"


def ending_pattern(stop: Sequence[str]) -> str:
    """Return the pattern whose group is the text: from what is no space to the first end."""
    ends = "|".join([*map(re.escape, stop), r"\Z"])
    return rf"(?s)\A\s*(.*?)\s*(?:{ends})"
