"""`tune-choices`: its card, every checkpoint to the same bytes, and a planted rule."""

import json
import random
import shutil

import pytest
import torch
from commanding import run
from tiny import saved

from promptsearch import load_model, load_task
from promptsearch.errors import ModelError, RunError
from promptsearch.models import Scoring
from promptsearch.models.finetuning.float32_copy import wrapped_copy
from promptsearch.models.training.checkpoint import LastCheckpoint
from promptsearch.models.training.choice_config import ChoiceTuningConfig
from promptsearch.models.training.choice_trainer import ChoiceText, ChoiceTrainer, with_option_form
from promptsearch.prompt.options_prompt import options_prompt
from promptsearch.runs.model_card import read_card

ROWS = [("a moving and funny film", "pos"), ("dull and lifeless", "neg"), ("great fun", "pos"),
        ("a mess", "neg"), ("wonderful acting", "pos"), ("terrible script", "neg")]  # fmt: skip


@pytest.fixture
def tasks(tmp_path):
    """Two tasks of one kind of label and another one, and the words that the tiny model knows."""
    for name, family in (("films", "sentiment"), ("books", "sentiment"), ("topics", "topic")):
        rows = [f"{text} {name}\t{label}" for text, label in ROWS]
        (tmp_path / f"{name}.tsv").write_text("\n".join(["text\tlabel", *rows]) + "\n")
        (tmp_path / f"{name}.toml").write_text(
            f'kind = "classification"\ntrain = "{name}.tsv"\ndev = "{name}.tsv"\n'
            f'test = "{name}.tsv"\nfamily = "{family}"\nyes = "good"\nno = "bad"\n'
            f'[options]\nquestion = "what is it"\npos = "it was great"\nneg = "it was terrible"\n'
        )
    return tmp_path


def words_for(folder, *more, output="model"):
    given = [word for name in ("films", "books", "topics") for word in ("-t", f"{name}.toml")]
    given = [folder / word if word.endswith(".toml") else word for word in given]
    return ("tune-choices", *given, "-m", saved("bert"), "-o", folder / output, "--batch", 3,
            "--epochs", 2, "-q", *more)  # fmt: skip


def test_a_model_directory_is_written_with_its_card(tasks):
    result = run(*words_for(tasks, "--hold-out", "topic"))
    assert "held out: topic: promptsearch evaluate manual --task" in result.stdout
    card = read_card(tasks / "model")
    assert [each.name for each in card.trained] == ["films", "books"]
    assert card.held_out == ("topic",)
    assert card.trained[0].options == {"pos": "it was great", "neg": "it was terrible"}
    assert card.options["yes"] == "good"
    before = load_model(str(saved("bert"))).runtime.model.state_dict()
    after = load_model(str(tasks / "model")).runtime.model.state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)


def evaluated(folder, task, *more):
    shown = run("evaluate", "manual", "--task", folder / f"{task}.toml", "--json", *more)
    return json.loads(shown.stdout)["prompts"][0]["setting"]


def test_evaluate_says_what_is_zero_shot(tasks):
    run(*words_for(tasks, "--hold-out", "topic", "--hold-out", "books"))
    model = ("--model", tasks / "model")
    topics = evaluated(tasks, "topics", *model)
    assert (topics["shots"], topics["model_seen"]) == ("zero-shot", "")
    assert topics["trained_on"] == ["sentiment"]
    books = evaluated(tasks, "books", *model)
    assert (books["shots"], books["model_seen"]) == ("zero-shot", "family")
    films = evaluated(tasks, "films", *model)
    assert (films["shots"], films["model_seen"]) == ("few-shot", "rows")
    before = evaluated(tasks, "films", "--model", saved("bert"))
    assert (before["shots"], before["trained_on"]) == ("zero-shot", [])


def weights(folder):
    return (folder / "model.safetensors").read_bytes()


def test_it_goes_on_from_every_checkpoint_to_the_same_bytes(tasks, monkeypatch):
    run(*words_for(tasks, "--check-every", 2, output="whole"))
    whole = weights(tasks / "whole")
    stopped = []

    def stop_after(count):
        write = LastCheckpoint.write

        def writing(self, step, *state):
            write(self, step, *state)
            if step == count:
                stopped.append(step)
                raise KeyboardInterrupt

        monkeypatch.setattr(LastCheckpoint, "write", writing)

    for count in (2, 6, 10):
        output = f"cut{count}"
        with monkeypatch.context():
            stop_after(count)
            run(*words_for(tasks, "--check-every", 2, output=output), status=130)
        monkeypatch.undo()
        assert not (tasks / output / "model.safetensors").exists()
        run(*words_for(tasks, "--check-every", 2, output=output), status=1)
        run(*words_for(tasks, "--check-every", 2, "--resume", output=output))
        assert weights(tasks / output) == whole
        assert not (tasks / output / "checkpoint.safetensors").exists()
    assert stopped == [2, 6, 10]


def test_another_stage_does_not_go_on_from_its_checkpoint(tasks, monkeypatch):
    write = LastCheckpoint.write

    def writing(self, step, *state):
        write(self, step, *state)
        raise KeyboardInterrupt

    monkeypatch.setattr(LastCheckpoint, "write", writing)
    run(*words_for(tasks, "--check-every", 2), status=130)
    monkeypatch.undo()
    result = run(*words_for(tasks, "--check-every", 2, "--resume", "--lr", 1e-3), status=1)
    assert "other tasks, rows, options or model; start anew with --overwrite" in result.stderr
    run(*words_for(tasks, "--overwrite"))


def test_what_cannot_be_trained_is_said_in_a_line(tasks):
    result = run(*words_for(tasks, "--hold-out", "weather"), status=1)
    assert "--hold-out 'weather' is no task or family" in result.stderr
    result = run(*words_for(tasks, "--hold-out", "topic", "--hold-out", "sentiment"), status=1)
    assert "every task is held out" in result.stderr
    result = run(*words_for(tasks, "--losses", "mlm"), status=1)
    assert "--losses mlm alone learns nothing about options" in result.stderr
    result = run(*words_for(tasks, "--losses", "op,cloze"), status=1)
    assert "--losses 'cloze' is none" in result.stderr
    (tasks / "full").mkdir()
    (tasks / "full" / "mine.txt").write_text("x")
    result = run(*words_for(tasks, output="full"), status=1)
    assert "holds mine.txt, no model of this command" in result.stderr
    shutil.rmtree(tasks / "full")


def test_one_task_says_yes_as_the_others(tasks):
    text = (tasks / "books.toml").read_text().replace('yes = "good"', 'yes = "great"')
    (tasks / "books.toml").write_text(text)
    result = run(*words_for(tasks), status=1)
    assert "the tasks answer their options with good/bad and great/bad" in result.stderr


def test_rows_whose_options_are_too_long_are_left_out():
    model = load_model(str(saved("bert")), device="cpu")
    prompt = options_prompt({"a": "it was {b}", "b": "it was bad"}, "", "{text}", "good", "bad")
    rows = [prompt.template.fill({"text": "a film " * 30, "b": b}) for b in ("x", "film " * 40)]
    trainer = ChoiceTrainer(model, "good", "bad", ChoiceTuningConfig(), 0)
    assert trainer.read([ChoiceText(row, 0) for row in rows], 40) == 1
    with pytest.raises(ModelError, match="no row's options fit into 16 tokens"):
        trainer.read([ChoiceText(rows[1], 0)], 16)


def test_settings_that_are_none_are_refused():
    for wrong, message in (
        ({"lr": 0.0}, "learning rate"),
        ({"epochs": 0}, "too small"),
        ({"warmup": 1.0}, "no share"),
    ):
        with pytest.raises(RunError, match=message):
            ChoiceTuningConfig(**wrong)
    rates = [ChoiceTuningConfig(warmup=0.2).rate_share(step, 10) for step in range(10)]
    assert rates[:2] == [0.5, 1.0]
    assert rates[2:] == pytest.approx([(10 - step) / 8 for step in range(2, 10)])


WORDS = {
    "animals": ["cat", "dog", "horse", "cow", "sheep", "lion", "tiger"],
    "colors": ["red", "blue", "green", "yellow", "black", "white", "brown"],
    "places": ["paris", "london", "berlin", "rome", "madrid", "tokyo", "moscow"],
    "food": ["bread", "cheese", "apple", "banana", "rice", "soup", "cake"],
}
SENTENCES = ("she saw the {} near a house", "there is one {} left here", "we talked about {}")


def planted(task, count, first):
    """Rows whose right option is the one that the text names; it mostly stands first, or last."""
    draw, rows = random.Random(task), []
    for _ in range(count):
        names = draw.sample(WORDS[task], 2)
        right = 0 if draw.random() < first else 1
        options = {str(n): f"it is about {name}" for n, name in enumerate(names)}
        template = options_prompt(options, "what is it about ?", "{text}").template
        text = draw.choice(SENTENCES).format(names[right])
        rows.append(ChoiceText(template.fill({"text": text}), right))
    return rows


def accuracy(model, rows):
    answers = [((f"O{number}", "yes"),) for number in (1, 2)]
    values = torch.zeros(len(rows), 2)
    for block in model.run(model.plan([row.text for row in rows], answers, Scoring())):
        values[list(block.rows)] = block.log_probs
    right = torch.tensor([row.right for row in rows])
    return float((values.argmax(1) == right).float().mean())


@pytest.mark.slow
def test_a_planted_rule_is_solved_unseen_and_only_in_this_layout(tmp_path):
    """Three tasks teach it, with the right option mostly first; of the fourth it is mostly last.

    A model that does not see the order of options has to learn the rule.
    """
    base = load_model("builtin", device="cpu")
    train = [row for task in ("animals", "colors", "places") for row in planted(task, 100, 0.95)]
    held_out = planted("food", 200, 0.05)
    results = {}
    for form in ((True, True), (False, False), (True, False), (False, True)):
        model = with_option_form(base, *form)
        config = ChoiceTuningConfig(losses=("op", "omlm"), lr=1e-4)
        trainer = ChoiceTrainer(model, "yes", "no", config, 0)
        trainer.read(train)
        trained = trainer.run(LastCheckpoint(tmp_path / "checkpoint", ""), 10**9, lambda *_: None)
        tuned = with_option_form(wrapped_copy(trained.model, model), *form)
        results[form] = accuracy(model, held_out), accuracy(tuned, held_out)
    assert results[True, True][0] < 0.7
    assert results[True, True][1] > 0.95
    assert all(results[form][1] < 0.5 for form in results if form != (True, True))


def test_the_task_file_may_have_both_layouts(tmp_path):
    (tmp_path / "rows.tsv").write_text("text\tlabel\nfine\tpos\nbad\tneg\n")
    (tmp_path / "task.toml").write_text(
        'kind = "classification"\ntrain = "rows.tsv"\ndev = "rows.tsv"\n'
        'template = "{text} It was [Z]."\nquestion = "what is it ?"\n'
        '[answers]\npos = ["great"]\nneg = ["terrible"]\n'
        '[options]\npos = "it\'s great"\nneg = "it\'s terrible"\n'
    )
    file = tmp_path / "task.toml"
    assert load_task(file).prompt.template.notation == "{text} It was [Z]."
    options = load_task(file, overrides={"layout": "options"}).prompt.template.notation
    assert options == "[O1]it's great[O2]it's terrible[SEP]what is it ?[SEP]{text}"


def test_tasks_that_the_stage_cannot_learn_from_are_refused(tasks):
    """Several labels at once, choices of a row, facts, one task twice: each in a line."""
    several = (tasks / "films.toml").read_text() + ""
    several = several.replace("[options]", "multi_label = true\n[options]")
    (tasks / "several.toml").write_text(several)
    rows = ['{"q": "a", "answer": "b", "choices": ["b", "c"]}'] * 4
    (tasks / "free.jsonl").write_text("\n".join(rows) + "\n")
    (tasks / "free.toml").write_text(
        'kind = "classification"\ntrain = "free.jsonl"\ndev = "free.jsonl"\nlabel = "answer"\n'
        'choices = "choices"\ntemplate = "{q}"\nquestion = "which"\n'
    )
    for task, message in [
        (tasks / "several.toml", "several labels at once"),
        (tasks / "free.toml", "a task of multiple-choice"),
        ("capitals", "a task of facts"),
        (tasks / "films.toml", "'films' is given twice"),
    ]:
        given = ("-t", tasks / "films.toml", "-t", task, "-m", saved("bert"))
        result = run("tune-choices", *given, "-o", tasks / "model", "-q", status=1)
        assert message in result.output
        assert "Traceback" not in result.output
        assert not (tasks / "model").exists()


def test_a_model_that_reads_no_options_is_refused_before_anything_is_written(tasks):
    given = ("-t", tasks / "films.toml", "-m", saved("gpt2"), "-o", tasks / "model", "-q")
    result = run("tune-choices", *given, status=1)
    assert "is a causal model; give one that is masked" in result.output
    assert not (tasks / "model").exists()


def test_the_words_that_a_search_found_are_not_the_manual_prompts(tasks):
    """The baseline is the task's own yes and no, in `evaluate`, `certify` and `reproduce`."""
    task = tasks / "films.toml"
    line = ("--task", task, "-m", saved("bert"), "-o", tasks / "run", "--budget", 6, "-q")
    run("answers", "prune", *line, "--options-score", "log-odds")
    prompts = tasks / "run" / "prompts.json"
    document = json.loads(prompts.read_text())
    found = {json.dumps(row["verbalizer"]) for row in document["prompts"]}
    assert len(found) > 1
    manual = document["baselines"]["manual"]
    evaluated = json.loads(run("evaluate", prompts, "--split", "dev", "--json", "-q").stdout)
    again = evaluated["baselines"]["manual"]
    assert again["verbalizer"] == manual["verbalizer"]
    assert again["no"] == manual["no"] == "bad"
    was, now = (each["scores"]["dev"]["log_likelihood"] for each in (manual, again))
    assert now == pytest.approx(was, abs=1e-4)
    result = run("reproduce", prompts, "-q")
    assert "reproduced" in result.output


def test_zero_shot_prompts_are_scored_as_the_options_say(tasks):
    """Zero-shot evaluation knows log-odds and passes, as searches do."""
    line = ("evaluate", "manual", "--task", tasks / "films.toml", "-m", saved("bert"), "--json")
    plain, odds, passes = (
        json.loads(run(*line, "-q", *more).stdout)["prompts"][0]["scores"]["test"]
        for more in (
            (),
            ("--options-score", "log-odds"),
            ("--options-score", "log-odds", "--options-per-pass", 1),
        )
    )
    assert len({each["log_likelihood"] for each in (plain, odds, passes)}) == 3
    refused = run(*line, "-q", "--options-per-pass", 1, status=1)
    assert "add --options-score log-odds" in refused.output
    assert plain["selected"] is False
