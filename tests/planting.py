"""Tiny models in which one word a label is right about every example."""

from copy import deepcopy
from dataclasses import replace

import torch
from judges import reviews
from tiny import KINDS, parts

from promptsearch.data import CLASSIFICATION, Example
from promptsearch.models import ModelInfo, Options, Scoring
from promptsearch.models.loading.build import wrap
from promptsearch.scoring import Scorer
from promptsearch.scoring.split_scorer import DatasetScorer
from promptsearch.searchers.answers.common.candidates import candidates

TRAIN = {
    "bad": ["an awful plot", "a dull actor", "terrible", "the story was bad", "a bad evening"],
    "good": ["a great film", "really good", "a quick story", "the movie was good"],
}


def planted(kind):
    """A task whose model says one word for "good" at its states, and one for "bad"; and which."""
    model, tokenizer = deepcopy(parts(kind)[0]), parts(kind)[1]
    info, options = ModelInfo(kind, KINDS[kind][0], "0" * 64, "float32"), Options(kind)
    port = wrap(model, tokenizer, info, options)
    examples = [
        Example(f"{label}{i}", {"text": text}, label)
        for label, texts in TRAIN.items()
        for i, text in enumerate(texts)
    ]
    task = replace(reviews(), train=examples, model=port)
    words = [word.text for word in candidates(task, port)]
    own = dict(zip(task.labels, words[-2:], strict=True))
    box = port.white_box
    texts = [task.prompt.template.fill(example.inputs) for example in examples]
    states = box.states(box.plan_states(texts, (("Z", words[0]),)))
    sides = torch.tensor([1.0 if example.target == "good" else -1.0 for example in examples])
    row = torch.linalg.lstsq(states.double(), sides.double()[:, None], driver="gelsd").solution[
        :, 0
    ]
    row *= max(8.0, 3 * float(box.output_rows(words).norm(dim=1).max() / row.norm()))
    (good,), (bad,) = port.answer_ids([own["good"], own["bad"]])
    with torch.no_grad():
        model.get_output_embeddings().weight[good] = row.float()
        model.get_output_embeddings().weight[bad] = -row.float()
    again = wrap(model, tokenizer, info, options)  # a fast way has copies of the weights
    return replace(task, model=again), own


def judge_of(task):
    scorer = Scorer(task.model, Scoring())
    return DatasetScorer(scorer, {"train": task.train, "dev": task.train}, CLASSIFICATION)
