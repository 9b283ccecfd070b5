"""A bag of words that learns from train: what no prompt should be worse than."""

from importlib.util import find_spec

from promptsearch.data import Split, TaskDefinition
from promptsearch.evaluation.certificate.baselines import BAG_OF_WORDS, bag_of_words
from promptsearch.evaluation.certificate.label_set_learners import one_against_rest
from promptsearch.metrics.guesses import label_guess_scores, set_guess_scores
from promptsearch.prompt_file.prompts_json import Json

NAME = "tf-idf"  # in documents and tables


def suits_words(definition: TaskDefinition, split: Split) -> bool:
    """Return whether a bag of words can be scored: on labels, of examples it has not learned."""
    has_words = definition.kind.single_label or definition.kind.label_sets
    return has_words and split.name != "train"


def is_installed() -> bool:
    return find_spec("sklearn") is not None


def word_baseline(definition: TaskDefinition, split: Split) -> Json:
    """Return the baseline `tf-idf` of a split, by its name; empty where there is none."""
    if not suits_words(definition, split) or not is_installed():
        return {}
    targets = [example.targets for example in split.examples]
    if definition.kind.label_sets:
        sets = one_against_rest(definition.train.examples)(split.examples)
        scores = set_guess_scores(sets, targets, definition.labels)
        return {NAME: {"classifier": f"{BAG_OF_WORDS} a label", "scores": {split.name: scores}}}
    guesses = bag_of_words(definition.train.examples)(split.examples)
    negative = definition.negative_label
    scores = label_guess_scores(guesses, targets, definition.labels, negative)
    return {NAME: {"classifier": BAG_OF_WORDS, "scores": {split.name: scores}}}
