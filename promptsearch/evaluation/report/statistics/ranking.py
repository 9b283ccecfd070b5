"""The best prompts beside the baselines, with scores on dev and on the scored split."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from promptsearch.metrics.predictions import Scores
from promptsearch.prompt_file.prompts_json import PromptFile

Role = Literal["prompt", "ensemble", "baseline"]


@dataclass(frozen=True)
class RankedPrompt:
    """Row of the ranking; scores are None where the split has none."""

    id: str
    role: Role
    row: Mapping[str, Any]  # the template and the answers, or what stands for them
    dev: Scores | None
    test: Scores | None

    def share(self, split: str, metric: str) -> tuple[float, tuple[float, float] | None] | None:
        """Return a metric on "dev" or on the scored split, with its interval if it has one."""
        scores = (self.dev if split == "dev" else self.test) or {}
        value = scores.get(metric)
        if not isinstance(value, int | float):
            return None
        match scores.get("ci95"):
            case [int() | float() as low, int() | float() as high]:
                return float(value), (float(low), float(high))
        return float(value), None


def ranked_prompts(
    file: PromptFile, top: int, document: Mapping[str, Any] | None, split: str
) -> tuple[RankedPrompt, ...]:
    """Return the first prompts in the file's order, then the ensemble, then the baselines.

    `document` is `Evaluation.document` on `split`.
    """
    prompts = list(_ranked_prompts(file, top, document or {}, split))
    if split != "dev":
        return tuple(prompts)
    return tuple(RankedPrompt(s.id, s.role, s.row, s.test or s.dev, None) for s in prompts)


def _ranked_prompts(
    file: PromptFile, top: int, document: Mapping[str, Any], split: str
) -> Iterator[RankedPrompt]:
    evaluated = {row["id"]: row for row in document.get("prompts", ())}
    for saved in file.prompts[:top]:
        yield _ranked_prompt(saved.id, "prompt", saved.row, evaluated.get(saved.id), split)
    ensemble = file.section("ensemble")
    if ensemble:
        yield _ranked_prompt("ensemble", "ensemble", ensemble, document.get("ensemble"), split)
    known, now = file.section("baselines"), document.get("baselines", {})
    for name in dict.fromkeys([*now, *known]):
        before = known.get(name)
        baseline_row = before if isinstance(before, Mapping) else now[name]
        yield _ranked_prompt(name, "baseline", baseline_row, now.get(name), split)


def _ranked_prompt(
    name: str, role: Role, row: Mapping[str, Any], evaluated: Mapping[str, Any] | None, split: str
) -> RankedPrompt:
    before = row.get("scores") or {}
    now = (evaluated or {}).get("scores") or {}
    dev = _without_damage(before.get("dev"))
    return RankedPrompt(name, role, {**(evaluated or {}), **row}, dev, now.get(split))


def _without_damage(scores: Scores | None) -> Scores | None:
    """Return a file's scores, without a difference to the manual prompt that lacks a part."""
    match (scores or {}).get("vs_manual"):
        case {"metric": str(), "delta": int() | float(), "n_discordant": int(), "ci95": [_, _]}:
            return scores
    return scores and {key: value for key, value in scores.items() if key != "vs_manual"}
