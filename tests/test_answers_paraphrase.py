"""Answers in other words: what is planted is found, and what is said twice is not given twice."""

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
import torch
from judges import ShorterIsBetter, capitals, reviews
from planting import judge_of, planted

from promptsearch.engine import search_prompts
from promptsearch.errors import DataError, RunError, TaskError
from promptsearch.language.english import Synonym, Thesaurus, wordnet
from promptsearch.models.generation.translation import Translation
from promptsearch.prompt import Prompt, Template, Verbalizer
from promptsearch.scoring import Cost, PredictionBatch
from promptsearch.searchers import AnswerParaphraseSearch
from promptsearch.searchers.answers.paraphrase.greedy import GreedyVerbalizer
from promptsearch.searchers.answers.paraphrase.sources import bare, paraphrases, synonyms, unshared


class Likes(ShorterIsBetter):
    """Judges prompts by a function of their answers, label -> words."""

    def __init__(self, merit):
        self.merit, self.asked = merit, []

    def predict(self, prompts, on, rows):
        self.asked += [(on, rows) for _ in prompts]
        return PredictionBatch(tuple(prompts), Cost(len(prompts)))

    def scores(self, prompt):
        value = self.merit(prompt.verbalizer.plain())
        return {"log_likelihood": value, "accuracy": 1 + value / 10, "ece": -value, "n": 4}


class Phrasebook:
    """A translator that knows its sentences by heart."""

    languages, one_best, sha256 = None, False, "0"

    def __init__(self, book):
        self.scorer = book

    def translations(self, texts, count):
        return [
            [Translation(*pair) for pair in self.scorer.get(text, [])][:count] for text in texts
        ]


def pairs(tmp_path, *lines):
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"{one}\t{other}\n" for one, other in lines))
    return str(path)


def thesaurus(**entries):
    return Thesaurus({word: tuple(map(Synonym, own)) for word, own in entries.items()})


def texts(found):
    return [str(paraphrase) for paraphrase in found]


def test_finds_the_planted_synonym_of_a_bad_answer(tmp_path):
    task, good = planted("bert")
    file = pairs(tmp_path, ("terrible", good["bad"]), ("great", good["good"]), ("great", "fi"))
    lines = []
    result = search_prompts(
        AnswerParaphraseSearch(thesaurus=(file,)),
        replace(task, log=lines.append),
        judge_of(task),
    )
    best, manual = result.best, result.manual
    assert best.scores["log_likelihood"] > manual.scores["log_likelihood"] + 0.1
    assert all((("Z", word),) in best.prompt.verbalizer[label] for label, word in good.items())
    said = f"accuracy {manual.scores['accuracy']:.3f} -> {best.scores['accuracy']:.3f} on dev"
    assert any(line.startswith(said) for line in lines)


def test_the_plain_form_is_the_first_ones_of_every_label_summed(tmp_path):
    file = pairs(tmp_path, ("great", "fine"), ("great", "superb"), ("terrible", "vile"))
    searcher = AnswerParaphraseSearch(thesaurus=(file,), keep=2, pool=2)
    result = search_prompts(searcher, reviews(), Likes(lambda _: -1.0))
    plain = {
        trial.prompt.source.evidence["change"]: trial.prompt.verbalizer.plain()
        for trial in result.trials
        if str(trial.prompt.source.evidence.get("change")).startswith("first")
    }
    assert plain == {
        "first 1 of each label": {"bad": ["terrible", "vile"], "good": ["great", "fine"]},
        "first 2 of each label": {
            "bad": ["terrible", "vile", "dreadful"],  # WordNet's first
            "good": ["great", "fine", "superb"],
        },
    }


GOLD = np.array([0, 0, 0, 1])
TABLE = torch.tensor(  # p of the answers a, b, c of label 0 and x, y of label 1, by example
    [
        [0.02, 0.50, 0.10, 0.04, 0.02],
        [0.02, 0.40, 0.10, 0.08, 0.02],
        [0.02, 0.30, 0.10, 0.06, 0.02],
        [0.40, 0.05, 0.30, 0.20, 0.10],
    ]
).log()


def climb(**given):
    options = {"pool": [(1, 2), (4,)], "keep": 4, "answer_score": "sum", **given}
    return GreedyVerbalizer(TABLE, GOLD, **options)


def test_a_training_log_likelihood_by_hand_on_unequal_classes():
    """(0.5 + 0.1) / (0.5 + 0.1 + 0.04), ..."""
    right = [0.6 / 0.64, 0.5 / 0.58, 0.4 / 0.46, 0.2 / 0.55]
    assert climb().log_likelihood([(1, 2), (3,)]) == pytest.approx(np.log(right).mean(), abs=1e-6)
    means = [0.3 / 0.34, 0.25 / 0.33, 0.2 / 0.26, 0.2 / 0.375]
    found = climb(answer_score="mean").log_likelihood([(1, 2), (3,)])
    assert found == pytest.approx(np.log(means).mean(), abs=1e-6)


def test_answers_are_added_and_dropped_as_long_as_training_examples_get_likelier():
    steps = [*climb().steps([(0,), (3,)])]
    assert [(step.label, step.column, step.added) for step in steps][:3] == [
        (0, 1, True),  # b is likely for label 0
        (1, 4, True),  # y helps label 1, whose example a makes unlikely
        (0, 0, False),  # a is likelier for label 1's example than for its own
    ]
    worths = [climb().log_likelihood([(0,), (3,)]), *(step.log_likelihood for step in steps)]
    assert worths == sorted(worths)
    assert len(set(worths)) == len(worths)
    final = steps[-1].answers
    for other in product(subsets([0, 1, 2]), subsets([3, 4])):
        changed = sum(len(set(one) ^ set(two)) for one, two in zip(final, other, strict=True))
        if changed == 1:  # no other step is any better
            assert climb().log_likelihood(other) <= worths[-1] + 1e-6


def subsets(columns):
    return [own for size in range(1, 4) for own in combinations(columns, size)]


def test_no_label_has_more_paraphrases_than_it_may_keep():
    table = torch.zeros(2, 6) - torch.arange(6.0).flip(0)  # the more answers, the likelier
    gold = np.array([0, 0])
    steps = [*GreedyVerbalizer(table, gold, [(1, 2, 3, 4), ()], 2, "sum").steps([(0,), (5,)])]
    assert all(len(set(step.answers[0]) - {0}) <= 2 for step in steps)
    assert max(len(step.answers[0]) for step in steps) == 3


def test_no_step_gives_two_labels_the_same_answers():
    """To drop column 0 from label 1 would be best, but label 0 has column 1 alone already."""
    table = torch.tensor([[0.0, -9.0]])
    (step,) = GreedyVerbalizer(table, np.array([0]), [(), ()], 1, "sum").steps([(1,), (0, 1)])
    assert (step.column, step.answers) == (1, ((1,), (0,)))


def test_the_model_reads_every_answer_once_on_no_more_examples_than_allowed(tmp_path):
    file = pairs(tmp_path, ("great", "good"), ("terrible", "bad"))
    searcher = AnswerParaphraseSearch(thesaurus=(file,), pool=1, keep=1, examples=3)
    task = reviews()
    result = search_prompts(searcher, task, ShorterIsBetter())
    texts = [task.prompt.template.fill(example.inputs) for example in task.train[:3]]
    words = Verbalizer.of({"bad": ["terrible", "bad"], "good": ["great", "good"]})
    once = task.model.plan(texts, words.answers, task.scoring).forwards
    judged = 4 * len([trial for trial in result.trials if trial.split == "dev"])
    assert result.spent.forwards == judged + once


def test_a_word_is_not_given_to_two_labels():
    ways = [synonyms([thesaurus(great=["Fine", "ok"], bad=["great", "fine", "ok", "poor"])])]
    answers = Verbalizer.of({"pos": "great", "neg": "bad"})
    found = {label: paraphrases(own, ways) for label, own in answers.pairs}
    kept = unshared(found, answers)
    # "great" is the other label's; "fine" stands first in its list; so does "ok", by its rank
    assert {label: texts(own) for label, own in kept.items()} == {
        "pos": ["Fine", "ok"],
        "neg": ["poor"],
    }


def test_one_slot_of_several_changes_at_a_time():
    ways = [synonyms([thesaurus(person=["human"], cause=["reason", "source"])])]
    answer = (("Z1", "person"), ("Z2", "was"), ("Z3", "cause"))
    found = paraphrases([answer], ways)
    assert texts(found) == ["human was cause", "person was reason", "person was source"]
    assert [slot for slot, _ in found[1].answer] == ["Z1", "Z2", "Z3"]


def test_an_answer_of_several_slots_is_searched_too(tmp_path):
    template = Template.parse("{text} [Z1] was [Z2]")
    answers = Verbalizer.of({"bad": [["it", "terrible"]], "good": [["it", "great"]]}, ("Z1", "Z2"))
    task = replace(reviews(), prompt=Prompt(template, answers))
    file = pairs(tmp_path, ("great", "superb"))
    judge = Likes(lambda own: -1.0 + 0.5 * (["it", "superb"] in own["good"]))
    result = search_prompts(AnswerParaphraseSearch(thesaurus=(file,)), task, judge)
    assert ["it", "superb"] in result.best.prompt.verbalizer.plain()["good"]


def test_synonyms_keep_the_capital_the_inflection_and_the_article():
    way = synonyms([wordnet()])
    assert way("Terrible")[0].text == "Dreadful"
    assert "sportsmen" in [said.text for said in way("sports")]
    (told,) = synonyms([thesaurus(bad=["awful"])])("a bad film")
    assert told == ("an awful film", {"method": "synonyms", "from": "bad", "to": "awful"})


def test_what_comes_back_most_often_comes_first(monkeypatch, tmp_path):
    there = {"great": [("toll", -0.1), ("gross", -0.2), ("super", -0.9)]}
    back = {
        "toll": [("Fantastic.", -0.1), ("great", -0.3)],
        "gross": [("big", -0.1), ("large", -0.2)],
        "super": [("large", -0.1), ("fantastic", -0.2)],
    }
    both = (Phrasebook(there), Phrasebook(back))
    home = "promptsearch.searchers.answers.paraphrase.search.load_translators"
    monkeypatch.setattr(home, lambda *_: both)
    lines = []
    task = replace(reviews(), language="de", log=lines.append)
    searcher = AnswerParaphraseSearch(forward="x", backward="y", keep=2)
    result = search_prompts(searcher, task, Likes(lambda own: -9.0 + ("large" in own["good"])))
    assert lines[:3] == [
        "WordNet left out: English, but the task is in 'de'",
        "bad: nothing else to say",
        "good: fantastic, large, big",
    ]
    plain = [
        trial.prompt
        for trial in result.trials
        if trial.prompt.source.evidence == {"change": "first 2 of each label"}
    ]
    assert [p.verbalizer.plain()["good"] for p in plain] == [["great", "fantastic", "large"]]
    assert lines[-2].startswith("accuracy 0.100 -> 0.200 on dev, by p")
    assert lines[-1].startswith("ece 9.000 -> 8.000 on dev, by p")


@pytest.mark.parametrize(
    ("text", "like", "wanted"),
    [
        ("Very good.", "great", "very good"),
        (" good !", "great", "good"),
        ("BBC", "channel", "BBC"),
        ("good", "Great", "Good"),
        ("Good.", "Great.", "Good."),
    ],
)
def test_a_translation_is_written_as_the_answer_is(text, like, wanted):
    assert bare(text, like) == wanted


def test_what_the_model_cannot_read_is_left_out(tmp_path):
    file = pairs(tmp_path, ("great", "\u6f22"), ("great", "\u200b"), ("great", "good"))
    lines = []
    task = replace(reviews(), log=lines.append)
    search_prompts(AnswerParaphraseSearch(thesaurus=(file,), pool=1), task, ShorterIsBetter())
    assert lines[1] == "good: good"


def test_facts_are_refused(tmp_path):
    with pytest.raises(TaskError, match="the candidates of facts are their own answers"):
        search_prompts(AnswerParaphraseSearch(), capitals(tmp_path), ShorterIsBetter())


def test_a_language_without_a_source_is_refused():
    with pytest.raises(
        RunError, match="WordNet is English, but the task is in 'zh'; give `thesaurus`"
    ):
        search_prompts(
            AnswerParaphraseSearch(), replace(reviews(), language="zh"), ShorterIsBetter()
        )


def test_a_file_that_holds_no_pairs_names_its_line(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("great\tgood\nbad\n")
    searcher = AnswerParaphraseSearch(thesaurus=(str(path),))
    with pytest.raises(DataError, match=r"pairs.tsv, line 2: 'bad' is no pair"):
        search_prompts(searcher, reviews(), ShorterIsBetter())


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"keep": 0}, "--keep 0 is too small; give 1 or more"),
        ({"backward": "x"}, "`backward` needs `forward` too"),
        ({"forward": "x"}, "`forward` needs `backward` too"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, reason):
    with pytest.raises(RunError, match=reason):
        AnswerParaphraseSearch(**options)
