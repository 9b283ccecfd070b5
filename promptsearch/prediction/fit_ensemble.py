"""Ensembles of a search's prompts, with weights from train and scores on dev."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promptsearch.data import Example, TaskDefinition
from promptsearch.engine.expectation import member_indices
from promptsearch.errors import RunError, TaskError
from promptsearch.metrics import scores_of
from promptsearch.prediction.ensemble import (
    Ensemble,
    Member,
    member_log_probs,
    require_same_labels,
)
from promptsearch.prediction.learned_weights import optimised
from promptsearch.prediction.multi_label import predictor_of
from promptsearch.prediction.text_predictor import TEXT_RULES
from promptsearch.prompt_file.prompts_json import Json, SavedPrompt, aligned
from promptsearch.scoring import PromptScorer, Scorer
from promptsearch.scoring.combination import (
    LEARNED,
    RULES,
    Floats,
    Logs,
    Right,
    Rule,
    fixed_weights,
    greedy,
    log_right_of,
    mixture_weights,
)
from promptsearch.scoring.generation_scorer import GenerationScorer

HELD = 0.25  # of the rows, on which learning weights is stopped


@dataclass(frozen=True)
class EnsembleConfig:
    """Configuration of an ensemble."""

    rule: Rule = "uniform"
    top: int = 10  # members, the best on dev
    per_step: int | None = None  # of these, at most so many of one step of a plan
    examples: int = 500  # of train, at most, that weights are learned from
    seed: int = 0  # of which ones these are

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise RunError(f"there is no rule {self.rule!r}; use {', '.join(RULES)}")
        for name in ("top", "per_step", "examples"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise RunError(f"--{name} {value} is too small; give 1 or more")


def ensemble_section(
    saved: Sequence[SavedPrompt],
    definition: TaskDefinition,
    scorer: PromptScorer,
    raw_scorer: Scorer,
    config: EnsembleConfig,
) -> Json:
    """Return the `ensemble` section of a prompts.json, from its prompts, best first.

    Raises RunError if there are fewer than `top`, PromptError if they do not fit together.
    """
    check_joinable(definition, config.rule)
    if config.top > len(saved):
        raise RunError(
            f"`top` {config.top}: there are {len(saved)} prompts; give {len(saved)} or less"
        )
    chosen = [aligned(prompt, definition) for prompt in _chosen(saved, config)]
    equal = [Member(prompt.id, prompt.prompt, 1.0) for prompt in chosen]
    require_same_labels(equal)
    if definition.kind.free_texts:
        _check_words(chosen)
    weights, fitted = _weights(equal, definition, scorer, raw_scorer, config)
    members = [Member(m.id, m.prompt, w) for m, w in zip(equal, weights, strict=True) if w > 0]
    ensemble = Ensemble(config.rule, tuple(members))
    predictor = predictor_of(ensemble, scorer, raw_scorer, definition.kind)
    predictions = predictor.predict(definition.dev.examples)
    scores = scores_of(predictions, definition.kind, definition.negative_label)
    return {
        "rule": config.rule,
        "members": [{"id": member.id, "weight": member.weight} for member in members],
        "scores": {"dev": {**scores, "selected": True}},
        "fitted": fitted,
    }


def check_joinable(definition: TaskDefinition, rule: Rule) -> None:
    """Raise TaskError if prompts of the task cannot be put together, or not by this rule."""
    if definition.kind.values:
        raise TaskError(
            f"{definition.name}: its answers are values, and ensembles put together the "
            "probabilities of labels; use the best prompt"
        )
    if definition.kind.free_texts and rule not in TEXT_RULES:
        raise TaskError(
            f"{definition.name}: it is answered with texts, whose next tokens are averaged, and "
            f"`rule` {rule} puts labels together; use `rule` {' or '.join(TEXT_RULES)}"
        )
    if definition.kind.has_sentences:
        raise TaskError(
            f"{definition.name}: it is of spans in sentences, and ensembles put together the "
            "probabilities of a row's labels; use the best prompt"
        )
    if definition.kind.label_sets:
        raise TaskError(
            f"{definition.name}: it has several labels at once, and ensembles put together the "
            "probabilities of labels of which one is right; use the best prompt"
        )


def _chosen(saved: Sequence[SavedPrompt], config: EnsembleConfig) -> Sequence[SavedPrompt]:
    """Return the members: the best; of a mixture that was trained together, one checkpoint's.

    That is the one whose log-likelihood on dev is largest, weighed as the templates are: the
    mixture's own is no smaller.
    """
    checkpoints: dict[object, list[tuple[float, float, SavedPrompt]]] = {}
    for prompt in saved if config.rule == "mixture" else ():
        match prompt.row:
            case {
                "source": {"evidence": {"weight": float(weight), "trained_steps": step}},
                "scores": {"dev": {"log_likelihood": float(log_likelihood)}},
            }:
                checkpoints.setdefault(step, []).append((weight, log_likelihood, prompt))
    if checkpoints:
        most = max(map(len, checkpoints.values()))
        complete = [each for each in checkpoints.values() if len(each) == most]
        best = max(complete, key=lambda each: sum(weight * value for weight, value, _ in each))
        by_weight = sorted(best, key=lambda each: -each[0])
        return [prompt for _, _, prompt in by_weight[: config.top]]
    indices = member_indices([_step_of(prompt) for prompt in saved], config.top, config.per_step)
    return [saved[index] for index in indices]


def _check_words(members: Sequence[SavedPrompt]) -> None:
    """Raise RunError if a member that shall write texts is trained."""
    for saved in members:
        if saved.prompt.template.is_trained:
            raise RunError(
                f"{saved.id}: texts are not written after vectors, a prefix or with a head; write "
                "the prompts' nearest words with `promptsearch project`"
            )


def _step_of(saved: SavedPrompt) -> object:
    """Return the step of the plan that proposed a file's prompt, or its strategy."""
    match saved.row.get("source"):
        case {"evidence": {"step": step}}:
            return step
        case {"strategy": strategy}:
            return strategy
    return None


def _weights(
    members: Sequence[Member],
    definition: TaskDefinition,
    scorer: PromptScorer,
    raw_scorer: Scorer,
    config: EnsembleConfig,
) -> tuple[Sequence[float], Json | None]:
    """Return a weight a member, and how they were learned."""
    if config.rule not in LEARNED:
        weights = fixed_weights(len(members), config.rule)
        if definition.kind.free_texts:  # shares of an average
            weights = [weight / sum(weights) for weight in weights]
        return weights, None
    if isinstance(raw_scorer, GenerationScorer):
        return _of_tokens(members, definition, raw_scorer, config)
    verbalizer, train = members[0].prompt.verbalizer, definition.train.examples
    examples = _drawn(definition, [bool(r) for r in raw_scorer.right(verbalizer, train)], config)
    right = raw_scorer.right(verbalizer, examples)
    log_probs = member_log_probs([m.prompt for m in members], examples, scorer, raw_scorer)
    return _learned(log_probs, right, config.rule)


def _of_tokens(
    members: Sequence[Member],
    definition: TaskDefinition,
    scorer: GenerationScorer,
    config: EnsembleConfig,
) -> tuple[Sequence[float], Json]:
    """Return the shares of next tokens that make the references' tokens of train likeliest."""
    examples = _drawn(definition, [True] * len(definition.train.examples), config)
    log_right = scorer.token_log_probs([member.prompt for member in members], examples)
    weights, about = _mixed(log_right)
    counts = {"split": "train", "examples": len(examples), "tokens": log_right.shape[1]}
    return weights, {**counts, **about}


def _mixed(log_right: Floats) -> tuple[list[float], Json]:
    """Return the weights of a mixture, and its mean -log p beside that of equal weights."""
    weights = mixture_weights(log_right)
    return weights.tolist(), {
        "loss": _mixture_loss(log_right, weights),
        "loss_of_equal_weights": _mixture_loss(log_right, np.ones_like(weights)),
    }


def _learned(log_probs: Logs, right: Right, rule: Rule) -> tuple[Sequence[float], Json]:
    about: dict[str, object] = {"split": "train", "examples": len(right)}
    if rule == "greedy":
        return greedy(log_probs, right), about
    if rule == "mixture":
        weights, losses = _mixed(log_right_of(log_probs, right))
        return weights, {**about, **losses}
    fitted_count = len(right) - int(HELD * len(right))
    held = (
        (log_probs[:, fitted_count:], right[fitted_count:]) if fitted_count < len(right) else None
    )
    learned = optimised(log_probs[:, :fitted_count], right[:fitted_count], held)
    about |= {
        "held_back": len(right) - fitted_count,
        "epochs": learned.epochs,
        "loss": learned.loss,
        "loss_of_equal_weights": learned.before,
    }
    return learned.weights, about


def _mixture_loss(log_right: Floats, weights: Floats) -> float:
    """Return the mean -log p(right) of the mixture, from its members' (member, example)."""
    with np.errstate(divide="ignore"):
        logs = np.log(weights / weights.sum())[:, None] + log_right
    return float(-np.logaddexp.reduce(logs, 0).mean())


def _drawn(
    definition: TaskDefinition, usable: Sequence[bool], config: EnsembleConfig
) -> list[Example]:
    """Return training examples with a right label, in an order drawn from the seed."""
    examples = definition.train.examples
    order = np.random.default_rng([config.seed, 9]).permutation(len(examples)).tolist()
    drawn = [examples[row] for row in order if usable[row]][: config.examples]
    if not drawn:
        raise RunError(
            f"{definition.name}: no training example has a right answer to learn weights from; "
            "use `rule` uniform"
        )
    return drawn
