"""Seconds for one step of a search for trigger tokens: ours beside two published ones, in turn.

    python benchmarks/gradient_step.py [--rounds 3] [--shape base|builtin|gpt2] [--json OUT]
        [--nanogcg-python venv-nanogcg/bin/python]

- HotFlip beside AutoPrompt's loop (autoprompt_step.py), at BERT-base's shape (base) and with the
  built-in model: 32 sentences for the gradient, 32 to judge the trigger and 10 candidates by. Each
  round has other sentences. The loop has tokenised them before its time begins; ours does it then.
- GCG beside nanogcg (nanogcg_step.py) at GPT-2's shape: one prompt, 32 candidates, all scored. A
  round's time is the median of 5 steps. nanogcg passes what stands before the trigger before its
  time begins; ours does it in each step.

Ours remembers nothing of other steps, and does all that a search does but for its ledger: default
filter, round trips through text; in float32, and as by default (ranked in bfloat16 where the
hardware has it; gradients are float32). Exit status 1: it was not the same work.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from subprocess import check_output
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, cast

import torch
import transformers
from autoprompt_step import Batch, autoprompt_step, make_batches
from in_turn import Race

from promptsearch import Example, Prompt, Template, Verbalizer
from promptsearch.bench.machine import machine
from promptsearch.bench.sentences import sentences
from promptsearch.data import CLASSIFICATION, FACTS
from promptsearch.engine.strategy import Score, Task
from promptsearch.models import LanguageModel, Options
from promptsearch.models.loading.build import wrap
from promptsearch.models.loading.random_models import (
    BERT_BASE,
    GPT2,
    Parts,
    load_parts,
    random_parts,
)
from promptsearch.searchers.gradient.minibatches import Minibatches
from promptsearch.searchers.gradient.search import GradientSearch
from promptsearch.searchers.gradient.search_state import TriggerState
from promptsearch.searchers.gradient.start import TriggerStart

SHAPES, WORDS = ("base", "builtin", "gpt2"), ("great", "terrible")
BEFORE = "two actors at the height of their powers , a quiet house by the sea , and hardly a word"
AFTER, HOLES = " . it was", " [T]" * 5
HOTFLIP = GradientSearch(
    "hotflip", "{text}" + HOLES + " [Z] .", start="this film is just so", loss="gold"
)
GCG = GradientSearch("gcg", BEFORE + HOLES + AFTER + " [Z]", start="x x x x x", loss="gold")
CLOSE = 1e-3  # nats


class Tally:
    """A score that does what is asked, remembers nothing, and counts the sequences that pass."""

    def __init__(self) -> None:
        self.passed: list[int] = []

    def once(self, _name: str, prepare: Callable[[], Any]) -> object:
        cost, work = prepare()
        self.passed.append(cost.forwards)
        return work()


def begun(search: GradientSearch, model: LanguageModel, number: int) -> TriggerState:
    """At its first step; `number` says which sentences, and seeds the draws."""
    gcg, texts = search is GCG, sentences(64, skip=64 * number) if search is HOTFLIP else ()
    examples = [Example(str(i), {"text": text}, WORDS[i % 2]) for i, text in enumerate(texts)]
    examples = examples or [Example("0", {}, WORDS[:1])]
    prompt = Prompt(Template.parse("[Z]"), Verbalizer.of({word: word for word in WORDS}))
    task = Task("step", FACTS if gcg else CLASSIFICATION, prompt, examples, ("text",))
    layout, start = TriggerStart(search.template, 5, "before", search.start, False).of(task, model)
    objective = search._objective(task, model, layout, cast(Score, Tally()))
    return TriggerState(0, objective, Minibatches(number, 0, len(examples), 32), start)


def stepped(race: Race, search: GradientSearch, model: LanguageModel, number: int) -> float:
    seconds = []
    for turn in range(5 if search is GCG else 1):
        state, step = begun(search, model, number + 100 * turn), search._step()
        start = perf_counter()
        step(state)
        seconds.append(perf_counter() - start)
        passed = cast(Tally, state.objective.score).passed
        good = passed == ([2, 32] if search is GCG else [2 * 32, 11 * 32])
        race.check("sequences ours passed: there and back, to score", passed, good)
    return median(seconds)


def looped(race: Race, loop: Parts, model: LanguageModel, number: int) -> float:
    """AutoPrompt's; then whether ours, in float32 and without filters, finds the same."""
    state = begun(HOTFLIP, model, number)
    objective, place, rows = (
        state.objective,
        cast(int, state.next_position(is_deterministic=True)),
        state.minibatches.pair(),
    )
    one, two = (batched(loop, [objective.loss.examples[row] for row in own]) for own in rows)
    blocked = torch.tensor([state.trigger[place]])
    start = perf_counter()
    found, now, after = autoprompt_step(loop, one, two, state.trigger, place, blocked=blocked)
    seconds = perf_counter() - start
    objective.usable[:] = True
    both = len({*found} & {*objective.top_tokens(state.trigger, rows[0], 10)[place]})
    rivals = [state.with_token(place, token) for token in found]
    values = objective.value([state.trigger, *rivals], rows[1])
    off = max(abs(a - b) for a, b in zip(values, [now, *after], strict=True))
    race.check("candidates that both propose, of 10, without filters", both, both == 10)
    race.check("scores differ by at most, in nats", f"{off:.0e}", off < CLOSE)
    return seconds


def batched(loop: Parts, examples: list[Example]) -> list[Batch]:
    texts = [example.inputs["text"] for example in examples]
    return make_batches(loop.tokenizer, texts, [example.targets for example in examples], 5)


def released(race: Race, python: str, folder: str, model: LanguageModel, number: int) -> float:
    """nanogcg's; then whether it scored what ours does: so many, as long, the first one alike."""
    script = [python, str(Path(__file__).with_name("nanogcg_step.py")), folder, "--keep-all"]
    prompt = ["--prompt", BEFORE + " {optim_str}" + AFTER, "--target", f" {WORDS[0]}"]
    found = json.loads(check_output([*script, *prompt, f"--seed={number}"]).splitlines()[-1])
    state = begun(GCG, model, number)
    loss, scored = state.objective.loss, {*found["scored"]}
    texts, (answer,) = (
        [loss.trigger_template.fill({}, state.trigger)],
        loss.answers_of(loss.examples[0]),
    )
    tokens = len(model.white_box.sequences(texts, answer)[0])
    off = abs(found["start_loss"] + state.objective.value([state.trigger], (0,))[0])
    race.check("candidates nanogcg scored in a step", scored, scored == {32})
    race.check("tokens of a sequence", tokens, tokens == sum(found["tokens"].values()))
    race.check("losses of the first trigger differ by, in nats", f"{off:.0e}", off < CLOSE)
    race.check(
        "versions", " ".join(f"{k} {found[k]}" for k in ("nanogcg", "torch", "transformers"))
    )
    return median(cast(list[float], found["seconds"]))


def parts_of(shape: str, tiny: bool) -> Parts:
    if shape == "builtin":
        return load_parts("builtin")
    small = replace(BERT_BASE, layers=2, hidden=64, heads=2, feed_forward=128)
    size = small if tiny else {"base": BERT_BASE, "gpt2": GPT2}[shape]
    return random_parts("causal" if shape == "gpt2" else "masked", size)


def raced(shape: str, given: argparse.Namespace, folder: str) -> Race:
    parts, loop = parts_of(shape, given.tiny), parts_of(shape, given.tiny)  # ours are frozen
    loop.model.save_pretrained(folder)
    loop.tokenizer.save_pretrained(folder)
    options = [Options(parts.info.spec, dtype=dtype, chat="off") for dtype in ("float32", "auto")]
    exact, default = (wrap(parts.model, parts.tokenizer, parts.info, own) for own in options)
    if shape == "gpt2":
        search, race = GCG, Race(f"GCG, {shape}", 2)
        race.ways["nanogcg, float32"] = partial(released, race, given.python, folder, exact)
    else:
        search, race = HOTFLIP, Race(f"HotFlip, {shape}", 8)
        race.ways["AutoPrompt, float32"] = partial(looped, race, loop, exact)
    for model in (exact, default):
        name = f"ours, ranks in {model.fast_model.info.dtype}"
        race.ways[name] = partial(stepped, race, search, model)
    return race.run(given.rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shape", choices=SHAPES, help="only this one")
    parser.add_argument("--nanogcg-python", default="venv-nanogcg/bin/python", dest="python")
    parser.add_argument("--tiny", action="store_true", help="small models, to see that it runs")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(2)  # as nanogcg_step.py has
    here = f"{machine(torch.device('cpu'))} · transformers {transformers.__version__}"
    print(here, end="\n\n", flush=True)
    races = []
    for shape in [given.shape] if given.shape else SHAPES:
        with TemporaryDirectory() as folder:
            races.append(raced(shape, given, folder))
        print(*races[-1].lines(), sep="\n", flush=True)
    if given.json:
        kept = [{**vars(race), "ways": list(race.ways)} for race in races]
        given.json.write_text(json.dumps({"machine": here, "races": kept}, indent=1) + "\n")
    sys.exit(not all(race.same_work for race in races))


if __name__ == "__main__":
    main()
