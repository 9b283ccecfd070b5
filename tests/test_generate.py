"""Generated templates: what a model writes in the gaps, against plain computations."""

from dataclasses import replace

import pytest
import torch
from judges import ShorterIsBetter, capitals
from tiny import parts, tiny

from promptsearch.data import CLASSIFICATION, Example, load_task
from promptsearch.engine import search_prompts
from promptsearch.engine.strategy import Task
from promptsearch.errors import PromptError, RunError, TaskError
from promptsearch.prompt import Prompt, Template, Verbalizer
from promptsearch.searchers import GenerateSearch
from promptsearch.searchers.common.gap_template import GapTemplate, gap_templates_for
from promptsearch.searchers.common.training_contexts import training_contexts
from promptsearch.searchers.common.word_scorer import WordScorer, word_scorer
from promptsearch.searchers.generate.infill import Infiller
from promptsearch.searchers.generate.partial_fills import PartialFill, best_of, sizes_of


@pytest.fixture
def task(tmp_path):
    return capitals(tmp_path)


def sentiment(model, language="en", template="{text} It was [Z]."):
    answers = Verbalizer.of({"bad": ["terrible"], "good": ["great", "really good"]})
    rows = [("a dull film", "bad"), ("a wonderful evening", "good"), ("awful plot", "bad")]
    train = [Example(str(i), {"text": text}, label) for i, (text, label) in enumerate(rows)]
    prompt = Prompt(Template.parse(template), answers)
    return Task(
        "s", CLASSIFICATION, prompt, train, ("text",), ("bad", "good"), language, model=model
    )


def infiller(task, model, **options):
    """In the model's own dtype, not in that it ranks in."""
    return Infiller(
        WordScorer(model, word_scorer(task, model).words), training_contexts(task, 8), **options
    )


def test_a_frame_holds_its_places_and_joins_texts_as_written():
    frame = GapTemplate.parse("{a} [T] [Z] [T][T] {b}")
    assert frame.gaps == 2
    assert str(frame.template(["?", ","])) == "{a}? [Z], {b}"
    assert str(frame.template([" it {x} is", ""])) == "{a} it {{x}} is [Z] {b}"
    assert str(GapTemplate.parse("[T] [Z] {b}").template([" It was"])) == "It was [Z] {b}"


@pytest.mark.parametrize(
    ("language", "ends", "wanted"),
    [
        ("en", True, ["{text} [T] [Z] [T]", " [T] [Z] [T] {text}"]),
        ("en", False, ["{text} [T] [Z] .", " [T] [Z] . {text}"]),
        ("zh", True, ["{text} [T][Z] [T]", " [T][Z] [T]{text}"]),
    ],
)
def test_layouts_are_those_of_the_paper(language, ends, wanted):
    task = sentiment(None, language)
    assert list(map(str, gap_templates_for((), task, ends))) == wanted


def test_pairs_facts_and_several_slots_have_layouts_of_their_own(task):
    assert list(map(str, gap_templates_for((), task, False))) == [
        "{subject} [T] [Z] .",
        "[Z] [T] {subject} .",
        " [T] {subject} [T] [Z] .",
    ]
    pair = replace(task, kind=CLASSIFICATION, inputs=("a", "b"))
    prompt = replace(task.prompt, template=Template.parse("{a} ? [Z] , {b}"))
    assert list(map(str, gap_templates_for((), replace(pair, prompt=prompt), True))) == [
        "{a} [T] [Z] [T] {b}"
    ]
    two = Prompt(
        Template.parse("the [Z1] {a} is [Z2]"), Verbalizer.of({"x": [["p", "q"]]}, ("Z1", "Z2"))
    )
    (frame,) = gap_templates_for((), replace(pair, prompt=two), True)
    assert str(frame) == " [T] [Z1] [T] {a} [T] [Z2]"


@pytest.mark.parametrize(
    ("layout", "reason"),
    [
        ("{subject} [Z]", r"has no gap; write \[T\]"),
        ("{subject} [T]", "needs a slot too"),
        ("{subject} [T] [Z1]", r"must have the slots of the task: \[Z\]"),
        ("it is [T] [Z]", "has no input field, so every example reads the same"),
        ("{head} [T] [Z]", "uses {head}, but the inputs are subject"),
    ],
)
def test_a_layout_that_does_not_fit_is_refused(task, layout, reason):
    with pytest.raises(PromptError, match=reason):
        gap_templates_for((layout,), task, False)


def test_options_below_one_are_refused():
    with pytest.raises(RunError, match="--words 0 is too small; give 1 or more"):
        GenerateSearch(words=0)


def test_examples_show_every_label_with_its_first_answer():
    drawn = training_contexts(sentiment(None), 2)
    assert sorted(i.answer["Z"] for i in drawn) == ["great", "terrible"]
    empty = replace(sentiment(None), train=[Example("0", {"text": "x"}, "odd")])
    with pytest.raises(TaskError, match="no training example has an answer"):
        training_contexts(empty, 2)


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_a_masked_table_is_the_mean_of_plain_passes(kind):
    model, tokenizer = parts(kind)
    task = sentiment(tiny(kind)[0])
    filler = infiller(task, task.model)
    frame = GapTemplate.parse("{text} [T] [Z] .")
    table = filler._table(frame, (2,), [PartialFill(("the", None))], 1)
    total = 0
    for instance in filler.contexts:
        text = f"{instance.inputs['text']} the{tokenizer.mask_token} {instance.answer['Z']} ."
        if kind == "bert":
            text = text.replace("[MASK]", " [MASK]")
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        place = (ids[0] == tokenizer.mask_token_id).nonzero()[0, 0]
        with torch.no_grad():
            total = total + model(input_ids=ids).logits[0, place].log_softmax(-1)
    for word in ("film", "story"):
        (token,) = task.model.answer_ids([word])[0]
        mean = float(total[token]) / len(filler.contexts)
        assert float(table[0, filler.word_scorer.column[word]]) == pytest.approx(mean, abs=1e-4)


def test_a_causal_draft_is_judged_with_the_right_answer_after_it():
    model, tokenizer = parts("gpt2")
    task = sentiment(tiny("gpt2")[0])
    filler = infiller(task, task.model)
    frame = GapTemplate.parse("{text} [T] [Z] .")
    (draft,) = filler._answered(frame, (1,), [PartialFill(("film",), (-1.0,))])
    total = 0.0
    for instance in filler.contexts:
        before = tokenizer(f"{instance.inputs['text']} film")["input_ids"]
        ids = tokenizer(f"{instance.inputs['text']} film {instance.answer['Z']} .")["input_ids"]
        with torch.no_grad():
            rows = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
        total += sum(float(rows[i - 1, ids[i]]) for i in range(len(before), len(ids)))
    assert draft.log_prob == pytest.approx(-1.0 + total / len(filler.contexts), abs=1e-4)


def test_the_beam_finds_the_likeliest_pair_of_words():
    """All pairs of words, judged plainly, against a beam that is wide enough for all."""
    task = sentiment(tiny("bert")[0])
    filler = infiller(task, task.model)
    frame, words = GapTemplate.parse("{text} [T] [Z] ."), filler.word_scorer.words
    pairs = [PartialFill((a, b)) for a in words[:12] for b in words[:12] if a != b]
    few = replace(filler, word_scorer=WordScorer(task.model, words[:12]))
    tables = [few._table(frame, (2,), pairs, place) for place in (0, 1)]
    columns = [[few.word_scorer.column[w] for w in draft.words] for draft in pairs]
    totals = [
        float(tables[0][n, first] + tables[1][n, second])
        for n, (first, second) in enumerate(columns)
    ]
    best = max(range(len(pairs)), key=lambda n: totals[n])
    found = few._fills(frame, (2,), 200)
    judged = {draft.words: draft.log_prob for draft in found}
    assert judged[pairs[best].words] == pytest.approx(totals[best], abs=1e-4)


def test_of_equal_drafts_the_best_counts():
    drafts = [
        PartialFill(("a",), (-1.0,)),
        PartialFill(("b",), (-2.0,)),
        PartialFill(("a",), (-3.0,)),
    ]
    assert best_of(drafts, 3) == drafts[:2]


def test_a_causal_model_s_words_behind_the_slot_count_once():
    task = sentiment(tiny("gpt2")[0])
    filler = infiller(task, task.model)
    frame = GapTemplate.parse("{text} [T] [Z] [T] .")
    one, other = (PartialFill(("film", "story"), (-1.0, value)) for value in (-2.0, -50.0))
    first, second = filler._answered(frame, (1, 1), [one, other])
    assert first.log_prob == second.log_prob


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_what_is_paid_is_what_has_passed(kind):
    task = sentiment(tiny(kind)[0])
    filler = infiller(task, task.model)
    passed = []
    run = type(task.model).run
    for layout in ("{text} [T] [Z] .", "[T] [Z] . {text}"):
        chore = filler.model_call(GapTemplate.parse(layout), (2,), 5)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                type(task.model),
                "run",
                lambda m, plan: passed.append(plan.forwards) or run(m, plan),
            )
            passed.clear()
            chore.run()
        assert chore.actual_cost.forwards == sum(passed)
        assert chore.actual_cost.forwards <= chore.cost.forwards


def test_sizes_share_the_words_out():
    assert list(sizes_of(1, 3)) == [(1,), (2,), (3,)]
    assert {(1, 3), (2, 2), (3, 1)} <= set(sizes_of(2, 3))
    assert not {(2, 3), (3, 3)} & set(sizes_of(2, 3))


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
def test_every_family_writes_templates_without_the_answers(kind):
    task = sentiment(tiny(kind)[0])
    searcher = GenerateSearch(beam=400, longest=2, words=1, layout=("{text} [T] [Z] .",), top=20)
    result = search_prompts(searcher, task, ShorterIsBetter())
    assert len(result.trials) > 1
    for trial in result.trials[1:]:
        template, source = trial.prompt.template, trial.prompt.source
        assert (template.fields, template.slots) == (("text",), ("Z",))
        assert source.evidence["writer"] == kind
        assert source.evidence["log_prob"] < 0


def test_a_resumed_run_asks_the_writer_nothing_again(tmp_path, monkeypatch):
    from promptsearch import Output, Settings, search

    definition, model = load_task("capitals"), tiny("bert")[0]
    searcher, settings = GenerateSearch(words=1, beam=6, examples=4), Settings(budget=4)
    first = search(searcher, definition, model, settings, Output(tmp_path / "run"))
    monkeypatch.setattr(Infiller, "_fills", None)
    output = Output(tmp_path / "run", resume=True)
    again = search(searcher, definition, model, settings, output)
    assert [t.prompt for t in again.trials] == [t.prompt for t in first.trials]
    assert again.spent.forwards == first.spent.forwards
