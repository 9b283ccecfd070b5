"""HotFlip steps against those that AutoPrompt's own code made (golden/dev/hotflip)."""

import json
import re
from dataclasses import dataclass, field

import numpy as np
import pytest

from promptsearch.data import CLASSIFICATION, FACTS, Example
from promptsearch.engine.strategy import Task
from promptsearch.models import Scoring
from promptsearch.models.loading.load import load_model
from promptsearch.prompt import Prompt, Template, Verbalizer
from promptsearch.searchers.common.answer_leaks import leaked_words
from promptsearch.searchers.common.trigger_template import TriggerTemplate
from promptsearch.searchers.gradient.loss import TriggerLoss
from promptsearch.searchers.gradient.objective import TriggerObjective
from promptsearch.searchers.gradient.search_state import TriggerState
from promptsearch.searchers.gradient.steps import HotFlip
from promptsearch.searchers.gradient.token_filter import Filter, usable

CASES = ("rel1", "rel2", "cls", "rel1_filter", "rel2_words")


@pytest.fixture(scope="module")
def golden(shared):
    folder = shared / "golden" / "dev"
    return json.loads((folder / "hotflip.json").read_text()), np.load(folder / "hotflip.npz")


@pytest.fixture(scope="module")
def model(shared):
    return load_model(str(shared / "golden" / "dev" / "tinybert"), dtype="float32")


@pytest.fixture(params=CASES)
def case(request, golden):
    return next(case for case in golden[0]["cases"] if case["id"] == request.param)


class Always:
    """A score that does what is asked, and remembers nothing."""

    def once(self, _name, prepare):
        return prepare().run()


class Anything:
    """A detokenizer that finds everything encodable, as the release does."""

    def encodable(self, triggers, count):
        return list(triggers)[:count]

    def template(self, _tokens):
        return Template.parse("said [Z]")


@dataclass
class Given:
    """The draws that the release made."""

    step: dict
    whole: bool = False
    rng: object = field(default=None)

    def pair(self):
        batches = self.step["gradient_batches"], self.step["evaluation_batches"]
        return tuple(tuple(row for batch in own for row in batch) for own in batches)

    def random_position(self, _places):
        return self.step["position"]


def task_of(case):
    """The case as a task of ours: facts, or labels with their words."""
    notation = case["template"].replace("[CLS] ", "").replace(" [SEP]", "").replace("[P]", "[Z]")
    label_map, records = case["label_map"], [row["record"] for row in case["train"]]
    (inputs,) = set(re.findall(r"\{(\w+)\}", notation))
    (label,) = set(records[0]) - {inputs}
    examples = [
        Example(str(i), {inputs: r[inputs]}, (r[label],) if label_map is None else r[label])
        for i, r in enumerate(records)
    ]
    objects = dict.fromkeys(example.targets[0] for example in examples)
    answers = label_map or {name: name for name in objects}
    plain = Template.parse(f"{{{inputs}}} [Z]")
    kind = FACTS if label_map is None else CLASSIFICATION
    prompt = Prompt(plain, Verbalizer.of(answers))
    return TriggerTemplate.parse(notation), Task(
        case["id"], kind, prompt, examples, (inputs,), scoring=Scoring("independent")
    )


def objective_of(case, model):
    layout, task = task_of(case)
    accuracy = case["metric"] == "accuracy"
    loss = TriggerLoss(task, model, layout, task.train, "gold", accuracy)
    spellings = model.white_box.spellings
    able = np.ones(len(spellings), dtype=bool)
    if case["filter"]:
        able = usable(spellings, Filter(whole_words=False, answers=leaked_words(task)))
    return TriggerObjective(loss, Always(), Anything(), able, None)


def steps(case):
    return enumerate(case["steps"])


def test_gradients(case, model, golden):
    objective = objective_of(case, model)
    for number, step in steps(case):
        rows, _ = Given(step).pair()
        _, token_gradients = objective.loss.token_gradients(tuple(step["trigger_ids"]), rows)
        slopes = token_gradients()  # (position, token)
        grad = golden[1][f"{case['id']}_step{number}_grad"]
        table = model.runtime.model.get_input_embeddings().weight.cpu().numpy()
        np.testing.assert_allclose(slopes[step["position"]], table @ grad, atol=2e-6)


def test_candidates_are_the_same_in_the_same_order(case, model):
    objective = objective_of(case, model)
    for _, step in steps(case):
        rows, _ = Given(step).pair()
        top = objective.top_tokens(tuple(step["trigger_ids"]), rows, 10)[step["position"]]
        assert top == step["candidate_ids_returned"]


def test_worth_before_and_after(case, model):
    objective = objective_of({**case, "metric": "mean_logp_gold"}, model)
    for _, step in steps(case):
        _, rows = Given(step).pair()
        trigger, place = tuple(step["trigger_ids"]), step["position"]
        changed = [
            (*trigger[:place], token, *trigger[place + 1 :])
            for token in step["candidate_ids_returned"]
        ]
        now, *after = objective.value([trigger, *changed], rows)
        assert now == pytest.approx(step["mean_logp_gold_before"], abs=1e-5)
        assert after == pytest.approx(step["mean_logp_gold_after"], abs=1e-5)


def test_the_same_steps_given_the_same_draws(case, model):
    objective = objective_of(case, model)
    mask = model.white_box.mask
    for _, step in steps(case):
        state = TriggerState(
            0, objective, Given(step), tuple(step["trigger_ids"]), mask,
            case["reject_mask_trigger"],
        )  # fmt: skip
        HotFlip(10)(state)
        assert state.trigger == tuple(step["trigger_ids_after"])
        assert (state.trigger != tuple(step["trigger_ids"])) == step["accepted"]


def test_the_filter_blocks_what_the_release_blocks(golden, model):
    (case,) = (case for case in golden[0]["cases"] if case["filter"])
    (step,) = case["steps"]
    _, task = task_of(case)
    answers, spellings = leaked_words(task), model.white_box.spellings
    able = usable(spellings, Filter(whole_words=False, answers=answers))
    blocked = set(step["filtered_ids"])
    assert not able[list(blocked)].any()
    for token in set(np.flatnonzero(~able)) - blocked:  # what no text says, answers spelt otherwise
        spelling = spellings[token]
        assert spelling is None or spelling.strip().lower() in answers
