"""`promptsearch project`: vectors as their nearest words, both scored."""

import json

import pytest
from test_soft_scoring import of_words, soft
from test_soft_search import run, task  # noqa: F401  # a fixture
from test_soft_search import soft as trained
from tiny import saved, tiny

from promptsearch.models.training.nearest_tokens import nearest_tokens
from promptsearch.prompt import Field, Slot, Template, Text
from promptsearch.prompt_file import read_prompts
from promptsearch.searchers.project.search import words_of


@pytest.mark.parametrize("kind", ["bert", "gpt2", "llama", "t5"])
def test_the_rows_of_words_are_their_nearest(kind):
    port, _, _ = tiny(kind)
    start, inside = of_words(port, "The plot", start=True), of_words(port, "is really good")
    parts = (soft("S1", start), Text(" of "), Field("text"), Text(" "), soft("S2", inside))
    template = Template((*parts, Text(" "), Slot()))
    nearest = {part.name: nearest_tokens(port, part.vectors, 2) for part in template.soft}
    for tokens in nearest.values():
        assert all(two[0].cosine == pytest.approx(1, abs=1e-5) for two in tokens)
        assert all(two[0].norm_ratio == pytest.approx(1, abs=1e-5) for two in tokens)
        assert all(two[1].cosine <= two[0].cosine for two in tokens)
    words = words_of(template, nearest)
    expected = "The plot of {text} is really good [Z]"
    assert words.notation.lower() == expected.lower()
    assert [
        port.white_box.sequences([each.fill({"text": "x"})], (("Z", "bad"),)) for each in (words,)
    ]


def test_the_vectors_and_their_words_are_scored(task, tmp_path):  # noqa: F811
    trained(task, tmp_path / "soft", "--places", "template", "--template", "{text} [S:2] [Z]")
    file = tmp_path / "soft" / "prompts.json"
    words = ["project", file, "--task", task, "-m", saved("bert"), "-o", tmp_path / "words"]
    said = run(*words).output
    assert "as words log_likelihood" in said
    by_strategy = {
        each.row["source"]["strategy"]: each
        for each in read_prompts(tmp_path / "words" / "prompts.json").prompts
    }
    vectors = read_prompts(file).prompts[0]
    assert by_strategy["soft"].prompt == vectors.prompt
    text = by_strategy["project"]
    assert not text.prompt.template.soft
    assert [len(each) for each in text.row["source"]["evidence"]["nearest"]["S"]] == [3, 3]
    hard = tmp_path / "hard.json"
    row = {"template": "{text} [Z]", "verbalizer": {"bad": ["terrible"], "good": ["great"]}}
    hard.write_text(json.dumps({"format": "promptsearch/1", "prompts": [row]}))
    refused = run("project", hard, "--task", task, "-m", saved("bert"), status=1)
    assert "has no soft prompt" in refused.output


def test_another_models_vectors_are_refused(task, tmp_path):  # noqa: F811
    trained(task, tmp_path / "soft")
    file = tmp_path / "soft" / "prompts.json"
    said = run("project", file, "--task", task, "-m", saved("roberta"), status=1).output
    assert "another model" in said


def test_a_trigger_search_goes_on_from_the_words(task, tmp_path):  # noqa: F811
    trained(task, tmp_path / "soft", "--places", "template", "--template", "{text} [S:2] [Z]")
    words = ["project", tmp_path / "soft" / "prompts.json", "--task", task, "-m", saved("bert")]
    run(*words, "-o", tmp_path / "words", "--method", "gradient", "--iterations", 6)
    prompts = read_prompts(tmp_path / "words" / "prompts.json").prompts
    strategies = [each.row["source"]["strategy"] for each in prompts]
    assert strategies.count("project") == 1
    assert "gradient" in strategies
    assert all(
        not p.prompt.template.soft for p in prompts if p.row["source"]["strategy"] == "gradient"
    )
    best = max(each.row["scores"]["dev"]["log_likelihood"] for each in prompts)
    assert prompts[0].row["scores"]["dev"]["log_likelihood"] == best
