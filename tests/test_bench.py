"""The benchmark measures what it says: same results, honest counts. Times are never asserted."""

import json
import subprocess
import sys
from functools import cache, partial

import naive
import pytest
import torch
from click.testing import CliRunner
from tiny import SENTENCES, parts

from promptsearch.bench import subjects as shapes
from promptsearch.bench.ceiling import bfloat16_here, ceiling, gemms
from promptsearch.bench.contenders import all_loops, plain_and_ours
from promptsearch.bench.flops import Nominal, nominal
from promptsearch.bench.machine import machine
from promptsearch.bench.memory import watched
from promptsearch.bench.published_loops import PUBLISHED
from promptsearch.bench.published_loops.plain import batches, plain, reference
from promptsearch.bench.published_loops.tensors import word_ids
from promptsearch.bench.report import document, of_ceiling
from promptsearch.bench.reuse import ANSWERS, SCENARIOS
from promptsearch.bench.rounds import Contender, Timing, interleaved, ratio
from promptsearch.bench.scaling import Extent, Growth, growths
from promptsearch.bench.sentences import sentences
from promptsearch.bench.sequences import BenchLine, ScoredPosition
from promptsearch.bench.suite import (
    BenchSettings,
    Ceiling,
    ContenderResult,
    check_repeats,
    measured,
)
from promptsearch.bench.workload import TEMPLATES, Workload
from promptsearch.commands import bench
from promptsearch.errors import ModelError, TaskError
from promptsearch.models import ModelInfo
from promptsearch.models.loading.random_models import Parts, Size, load_parts, random_parts

SMALL = Size(layers=2, hidden=16, heads=2, feed_forward=32, vocabulary=30_623)
SETTINGS = BenchSettings(texts=2, rounds=1, times=1, reuse=1, grown=1)
CPU = torch.device("cpu")
ROW = ["name", "dtype", "texts", "seconds", "texts_a_second", "error", "of_ceiling", "ours_faster"]
GROWTH = [
    *("prompts", "examples", "answers", "seconds", "milliseconds_a_text"),
    *("peak_bytes", "planned_bytes"),
]
MASKED = [each.name for each in PUBLISHED]
CAUSAL = [each.name for each in PUBLISHED if "causal" in each.families]
SEQ2SEQ = [each.name for each in PUBLISHED if "seq2seq" in each.families]


@cache
def small(family):
    """A random model so wide that no two scores tie."""
    made = random_parts(family, SMALL)
    generator = torch.Generator().manual_seed(1)
    for weight in made.model.parameters():
        torch.nn.init.normal_(weight, 0, 0.3, generator=generator)
    return made


@cache
def tiny_parts(kind):
    model, tokenizer = parts(kind)
    return Parts(model, tokenizer, ModelInfo(kind, "masked", "0" * 64, "float32"))


def words_of(tokenizer):
    """Two words of one token; in byte pairs these hold the space before them."""
    known = [word for text in SENTENCES for word in text.rstrip(".").split() if word.isalpha()]
    single = [w for w in known if len(tokenizer.encode(" " + w, add_special_tokens=False)) == 1]
    return tuple(dict.fromkeys(single))[:2]


def named(name):
    return next(each.run for each in PUBLISHED if each.name == name)


def run_as(name, own, work):
    if name == "plain":
        return plain(own, work, budget=40)
    if name == "ours":
        return plain_and_ours(own, None)[-1].run(work)
    return named(name)(own, work)


@pytest.mark.parametrize("kind", ["bert", "roberta"])
@pytest.mark.parametrize("name", [*MASKED, "plain", "ours"])
def test_every_loop_gives_a_masked_models_own_log_probabilities(kind, name):
    own = tiny_parts(kind)
    own = own if "256" not in name and "128" not in name and name != "LM-BFF" else long_parts(kind)
    tokenizer = own.tokenizer
    work = Workload(tuple(SENTENCES[:4]), ("{text} It was [Z] .",), words_of(tokenizer))
    expected = []
    for before, after in work.halves():
        ids = tokenizer.encode(before + tokenizer.mask_token + after)
        slot = ids.index(tokenizer.mask_token_id)
        asked = [[token] for token in word_ids(tokenizer, work.answers)]
        one = partial(naive.masked, own.model, ids, [slot], mask=ids[slot], left_to_right=True)
        expected.append([one(answer=[answer]) for answer in asked])
    scores = run_as(name, own, work)
    assert torch.allclose(scores, torch.tensor(expected), atol=1e-4)
    assert scores.std() > 0.1


@cache
def long_parts(kind):
    """The same with more positions, for loops that pad to a fixed length."""
    own = tiny_parts(kind)
    config = type(own.model.config)(
        **{**own.model.config.to_dict(), "max_position_embeddings": 300}
    )
    torch.manual_seed(0)
    return Parts(type(own.model)(config).eval(), own.tokenizer, own.info)


@pytest.mark.parametrize("name", [*CAUSAL, "plain", "ours"])
def test_every_loop_gives_a_causal_models_own_log_probabilities(name):
    own = small("causal")
    work = Workload(sentences(4), (TEMPLATES["causal"],))
    expected = []
    for before, _ in work.halves():
        ids = own.tokenizer.encode(before.strip())
        words = word_ids(own.tokenizer, work.answers)
        expected.append([naive.causal(own.model, [*ids, word], len(ids)) for word in words])
    scores = run_as(name, own, work)
    assert torch.allclose(scores, torch.tensor(expected), atol=1e-4)
    assert scores.std() > 0.1


@pytest.mark.parametrize("name", [*SEQ2SEQ, "plain", "ours"])
def test_every_loop_gives_an_encoder_decoders_own_log_probabilities(name):
    own = small("seq2seq")
    work = Workload(sentences(4), (TEMPLATES["seq2seq"],))
    sentinel = own.tokenizer.convert_tokens_to_ids("<extra_id_0>")
    expected = []
    for before, after in work.halves():
        source = own.tokenizer.encode(before + "<extra_id_0>" + after)
        words = word_ids(own.tokenizer, work.answers)
        given = partial(naive.seq2seq, own.model, source, 0)
        expected.append([given([sentinel, word], [1]) for word in words])
    scores = run_as(name, own, work)
    assert torch.allclose(scores, torch.tensor(expected), atol=1e-4)
    assert scores.std() > 0.1


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_what_shares_passes_scores_like_what_does_not(scenario):
    own = small(scenario.families[0])
    work = scenario.work(sentences(2))
    wanted = reference(own, work)
    for contender in plain_and_ours(own, None, head=own.family == "causal"):
        assert torch.allclose(contender.run(work), wanted, atol=1e-4), contender.name


def test_the_reference_adds_up_the_tokens_of_an_answer():
    own = small("causal")
    work = Workload(sentences(1), (TEMPLATES["causal"],), ANSWERS)
    ids = own.tokenizer.encode(work.halves()[0][0].strip())
    answers = [own.tokenizer.encode(" " + a, add_special_tokens=False) for a in ANSWERS]
    expected = [naive.causal(own.model, [*ids, *answer], len(ids)) for answer in answers]
    assert torch.allclose(reference(own, work), torch.tensor([expected]), atol=1e-4)


def test_a_label_word_of_several_tokens_is_an_error_in_one_line():
    work = Workload(("a b",), (TEMPLATES["masked"],), ("unimaginably zzyzx",))
    with pytest.raises(ModelError, match="take words of one token"):
        named("LAMA")(small("masked"), work)


def test_batches_are_sorted_and_within_the_budget():
    made = [BenchLine(i, (0,) * length, ()) for i, length in enumerate([5, 2, 9, 3, 3])]
    cut = [[line.length for line in batch] for batch in batches(made, 9)]
    assert cut == [[2, 3, 3], [5], [9]]


def test_the_flops_of_a_masked_model_by_hand():
    found = nominal(small("masked"))
    body = 2 * (4 * 16 * 16 + 2 * 16 * 32)  # two layers: query, key, value, output; two more
    head = 16 * 16 + 16 * 30_623
    line = BenchLine(0, (0,) * 7, (ScoredPosition(3, 0, 0), ScoredPosition(3, 1, 1)))
    assert found.of([line]) == 2 * (7 * body + head) + 4 * 16 * 2 * 7 * 7
    assert found.of([line, line]) == 2 * found.of([line])


def test_the_flops_of_causal_models_and_encoder_decoders_by_hand():
    causal = nominal(small("causal"))
    layers = 2 * (16 * 48 + 16 * 16 + 2 * 16 * 32)
    read = (ScoredPosition(1, 0, 0), ScoredPosition(2, 1, 0))
    assert causal.of([BenchLine(0, (0,) * 5, read)]) == (
        2 * (5 * layers + 2 * 16 * 30_623) + 4 * 16 * 2 * 25
    )
    both = nominal(small("seq2seq"))
    source = 2 * (4 * 256 + 2 * 512) + 2 * 2 * 256  # the decoder's view of it: keys and values
    text = 2 * (4 * 256 + 2 * 256 + 2 * 512)
    assert both.of([BenchLine(0, (0,) * 3, read[:1], (0,) * 11)]) == (
        2 * (3 * text + 11 * source + 16 * 30_623) + 4 * 16 * 2 * (3 * (3 + 11) + 11 * 11)
    )


def test_the_ceilings_products_are_those_of_a_batch():
    model = Nominal(body=((4, 8), (4, 8), (8, 4)), head=((4, 100),), hidden=4, layers=1)
    products = gemms(model, rows=64)
    assert [(p.rows, p.inputs, p.outputs, p.count) for p in products] == [
        (64, 4, 8, 2),
        (64, 8, 4, 1),
        (2, 4, 100, 1),
    ]
    assert products[2].flops == 2 * 2 * 4 * 100
    assert ceiling(products, torch.float32, CPU, times=1) > 0


def test_ratios_are_taken_round_by_round():
    found = ratio([4.0, 9.0, 10.0], [2.0, 3.0, 10.0])
    assert (found.median, found.low, found.high) == (2.0, 1.0, 3.0)


def test_rounds_are_interleaved_and_the_first_is_not_timed():
    ran = []

    def contender(name, wrong, texts=None):
        def run(work):
            ran.append((name, work.sentences))
            return torch.full((len(work), 1), wrong)

        return Contender(name, "float32", run, texts)

    works = [Workload((f"{i}a", f"{i}b"), ("{text} [Z]",), ("x",)) for i in range(3)]
    given = [contender("a", 0.5), contender("b", 0.25, texts=1)]
    first, second = interleaved(given, works, torch.zeros(2, 1), lambda _: None)
    assert [name for name, _ in ran] == ["a", "b", "a", "b", "b", "a"]
    assert ran[1][1] == ("0a",)
    assert (first.error, second.error) == (0.5, 0.25)
    assert (first.texts, second.texts) == (2, 1)
    assert len(first.seconds) == len(second.seconds) == 2


def test_sentences_are_distinct_real_and_as_long_as_film_reviews():
    found = sentences(400)
    assert found == sentences(400)
    assert len(set(found)) == 400
    assert sentences(100, skip=300) == found[300:]
    with pytest.raises(TaskError, match="use fewer texts or rounds"):
        sentences(10, skip=10**6)
    pieces = small("masked").tokenizer(list(found), add_special_tokens=False)["input_ids"]
    lengths = [len(ids) for ids in pieces]
    assert 20 <= sum(lengths) / len(lengths) <= 25
    assert sum(5 <= length <= 52 for length in lengths) >= 390


def test_a_model_that_does_not_repeat_itself_is_refused():
    own = random_parts("masked", SMALL)
    work = Workload(sentences(2), (TEMPLATES["masked"],))
    check_repeats(own, work)
    own.model.train()
    with pytest.raises(ModelError, match="twice alike"):
        check_repeats(own, work)


def test_bfloat16_is_skipped_with_its_reason(monkeypatch):
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False)
    assert not bfloat16_here(CPU).is_faster
    assert "neither AMX nor AVX512-BF16" in str(machine(CPU))
    own = small("masked")
    assert {each.dtype for each in all_loops(own, None)} == {"float32"}


def test_the_document_holds_every_number_as_json():
    result = measured("t", small("causal"), SETTINGS, lambda _: None)
    grown = [Growth(Extent(2, 3, 4), 0.5, None, 7)]
    made = json.loads(json.dumps(document(machine(CPU), SETTINGS, [result], grown)))
    assert set(made) == {"format", "version", "machine", "settings", "models", "scaling"}
    (model,) = made["models"]
    assert model["ceilings"][0]["dtype"] == "float32"
    assert model["without"] == ["LM-BFF", "AutoPrompt"]
    assert [table["goal"] for table in model["reuse"]] == [3.0, 3.0, 3.0]
    rows = model["loops"]["rows"]
    assert all(list(row) == ROW for row in rows)
    assert all(len(row["seconds"]) == 1 for row in rows)
    ours = next(row for row in rows if (row["name"], row["dtype"]) == ("ours", "float32"))
    assert ours["ours_faster"]["float32"] == {"median": 1.0, "low": 1.0, "high": 1.0}
    assert ours["error"] < 1e-3
    assert all(list(row) == GROWTH for row in made["scaling"])


def test_the_share_of_the_ceiling_is_of_the_better_one_in_the_same_precision():
    own = Contender("a", "bfloat16", lambda _: torch.zeros(1, 1))
    row = ContenderResult(Timing(own, 1, (1.0,), 0.0), 30.0, ())
    assert of_ceiling(row, [Ceiling("float32", 10, 20), Ceiling("bfloat16", 60, 40)]) == 0.5
    assert of_ceiling(row, ()) is None


def test_growth_grows_one_thing_at_a_time():
    grown = [growth.extent for growth in growths(small("masked"), 1, 1, lambda _: None)]
    assert grown[:2] == [Extent(1, 1, 2), Extent(2, 1, 2)]
    for extent in grown:
        base = Extent(2, 1, 2)
        assert (
            sum(a != b for a, b in zip(vars(extent).values(), vars(base).values(), strict=True)) < 2
        )


def test_memory_is_seen_while_it_is_used():
    with watched(CPU) as peak:
        block = torch.ones(1 << 22)
    assert peak.bytes is None or peak.bytes > block.numel() * 4


def test_the_command_prints_tables_and_json(monkeypatch):
    makers = {name: lambda _device: small("masked") for name in shapes.SHAPES}
    monkeypatch.setattr(shapes, "SHAPES", makers)
    monkeypatch.setattr(bench, "_settings", lambda *_: SETTINGS)
    shown = CliRunner().invoke(bench.command, ["--shape", "builtin", "--quiet"])
    assert shown.exit_code == 0, shown.output
    assert "ours float32 is faster by" in shown.output
    assert "of ceiling" in shown.output
    assert "ms a text" in shown.output
    made = CliRunner().invoke(bench.command, ["--shape", "bert-base", "--json", "--quiet"])
    assert json.loads(made.stdout)["models"][0]["name"] == "bert-base"


def test_the_commands_shapes_are_those_there_are():
    assert list(shapes.SHAPES) == bench.SHAPES


def test_the_help_needs_no_torch():
    code = (
        "import sys; from promptsearch.commands.bench import command\n"
        "try: command(['--help'])\n"
        "finally: assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--rounds" in done.stdout


def test_a_device_that_is_not_there_is_an_error_in_one_line(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ModelError, match="use `device` cpu"):
        random_parts("masked", SMALL, "cuda:1")


def test_a_model_of_ones_own_is_opened_as_it_is():
    own = load_parts("builtin")
    assert own.family == "masked"
    assert own.model.dtype == torch.float32
    assert not own.model.training
