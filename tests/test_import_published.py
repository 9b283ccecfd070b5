"""Every published file of the nine formats is read as it stands, and written back the same."""

import ast
import json

import pytest
from foreign import group, groups, native, written

from promptsearch.errors import DataError
from promptsearch.prompt import Field, Input, Slot, Text

CITIES = "Paris\nRome\n"


@pytest.fixture
def cities(tmp_path):
    path = tmp_path / "cities.txt"
    path.write_text(CITIES)
    return path


@pytest.fixture
def data(shared):
    return shared / "data"


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def in_ours(notation):
    """None of the published lists has a brace or a bracket of another kind: nothing to escape."""
    assert not set("{}") & set(notation)
    assert "[Z" not in notation
    return notation.replace("[X]", "{subject}").replace("[Y]", "[Z]")


def test_lpaqa_has_1403_weighted_prompts_over_26_relations(data, cities):
    folders = [data / "factual/lpaqa_prompt" / name for name in ("mine", "paraphrase")]
    found = groups("lpaqa", *folders, candidates=cities)
    assert (len(found), sum(len(own.prompts) for own in found)) == (26, 1403)
    for own in found:
        rows = [row for folder in folders for row in rows_of(folder / f"{own.name}.jsonl")]
        assert [str(one.prompt.template) for one in own.prompts] == [
            in_ours(row["template"]) for row in rows
        ]
        assert [one.evidence["weight"] for one in own.prompts] == [row["weight"] for row in rows]


def test_lpaqa_has_639_paraphrases_in_text_and_2042_prompts_in_all(data, cities):
    folder = data / "factual/lpaqa_prompt"
    found = groups("lpaqa", folder / "manual_paraphrase", candidates=cities)
    assert sum(len(own.prompts) for own in found) == 639
    p19 = next(own for own in found if own.name == "P19")
    lines = (folder / "manual_paraphrase/P19.txt").read_text().splitlines()
    assert [str(one.prompt.template) for one in p19.prompts] == list(map(in_ours, lines))
    every = groups("lpaqa", folder, candidates=cities)
    assert (len(every), sum(len(own.prompts) for own in every)) == (26, 2042)


@pytest.mark.parametrize(
    ("name", "file", "count"),
    [
        ("lpaqa", "lpaqa_top1.jsonl", 26),
        ("optiprompt", "lpaqa_top1.jsonl", 26),
        ("lama", "relations.jsonl", 26),
        ("autoprompt", "autoprompt_fact_retrieval_bert_prompts.jsonl", 26),
        ("autoprompt", "autoprompt_fact_retrieval_roberta_prompts.jsonl", 26),
    ],
)
def test_a_line_a_relation_comes_in_and_goes_out(data, cities, tmp_path, name, file, count):
    path = data / "factual" / file
    rows = rows_of(path)
    found = groups(name, path, candidates=cities)
    assert [own.name for own in found] == [row["relation"] for row in rows]
    texts = [str(one.prompt.template) for own in found for one in own.prompts]
    assert texts == [in_ours(row["template"]) for row in rows]
    assert len(texts) == count
    for row in rows[:3]:
        own = native(name, tmp_path, path, candidates=cities, group=row["relation"])
        written(name, own, tmp_path / "out.jsonl")
        kept = row if name != "lpaqa" else {"template": row["template"]}
        (line,) = rows_of(tmp_path / "out.jsonl")
        assert line == {key: kept[key] for key in kept if key in line}
        assert set(kept) - set(line) == set()


def test_files_of_a_relation_are_written_back_as_they_were(data, cities, tmp_path):
    lists = [("lpaqa", "lpaqa_prompt/mine"), ("lpaqa", "lpaqa_prompt/paraphrase")]
    for name, folder in [*lists, ("pararel", "pararel_patterns")]:
        for path in sorted((data / "factual" / folder).iterdir())[::5]:
            file = native(name, tmp_path, path, candidates=cities)
            written(name, file, tmp_path / "out.jsonl")
            assert rows_of(tmp_path / "out.jsonl") == rows_of(path)


def test_pararel_has_219_patterns_over_24_relations(data, cities):
    found = groups("pararel", data / "factual/pararel_patterns", candidates=cities)
    assert (len(found), sum(len(own.prompts) for own in found)) == (24, 219)
    p19 = next(own for own in found if own.name == "P19").prompts[0]
    assert str(p19.prompt.template) == "{subject} was born in [Z]."
    assert p19.evidence["lemma"] == "born"


LMBFF = "classification/lmbff_released"
TASKS = ("CoLA", "MNLI", "MRPC", "RTE", "SNLI", "SST-2", "mr", "sst-5", "subj", "trec")


def as_lm_bff_reads(notation, sentences, word):
    """`tokenize_multipart_input` of LM-BFF as text; what it does to letters is left out.

    Its words are tokens that begin with a space, which is one with a space that stands there.
    """
    text = ""
    for part in notation.split("*"):
        if part in ("cls", "sep+", "sep"):
            continue
        if part == "mask":
            text = text.removesuffix(" ") + f" {word}"
        elif "sent" in part and part[-2:] in ("_0", "_1"):
            text += " " * part.startswith("+") + sentences[int(part[-1])]
        else:
            text += part.replace("_", " ")
    return text


def as_we_fill(template, inputs, word):
    parts = template.fill(inputs)
    texts = {Text: lambda p: p.text, Input: lambda p: p.text, Slot: lambda p: word}
    return "".join(texts[type(part)](part) for part in parts)


@pytest.mark.parametrize("task", TASKS)
def test_lm_bff_templates_say_what_its_code_reads(data, tmp_path, task):
    folder = data / LMBFF / "auto_template" / task
    mapping = tmp_path / "mapping.txt"
    mapping.write_text('{"a": "good", "b": "bad"}\n')
    found = group("lm-bff", folder, mapping)
    lines = [line for p in sorted(folder.glob("*.score.txt")) for line in p.read_text().split("\n")]
    lines = [line.split(" ", 1) for line in lines if line]
    assert [one.evidence["score"] for one in found.prompts] == [float(score) for score, _ in lines]
    sentences = {"sent_0": "One thing", "sent_1": "Another"}
    for one, (_, notation) in zip(found.prompts, lines, strict=True):
        said = as_we_fill(one.prompt.template, sentences, "good")
        assert said == as_lm_bff_reads(notation, list(sentences.values()), "good")
        assert ("lost" in one.evidence) == ("sentl" in notation or "sent-" in notation)


def test_lm_bff_has_2968_templates_and_3000_mappings_of_which_13_tell_labels_apart_badly(
    data, tmp_path
):
    (tmp_path / "t.txt").write_text("*sent_0*_is*mask*.\n")
    (tmp_path / "m.txt").write_text('{"a": "good", "b": "bad"}\n')
    root, templates, mappings, alike = data / LMBFF, 0, [], 0
    for task in TASKS:
        templates += len(group("lm-bff", root / "auto_template" / task, tmp_path / "m.txt").prompts)
        own = group("lm-bff", root / "auto_label_mapping" / task, tmp_path / "t.txt")
        mappings += [one.prompt.verbalizer for one in own.prompts]
        alike += sum("one word for two labels" in note for note in own.notes)
    published = [
        ast.literal_eval(line)
        for task in TASKS
        for path in sorted((root / "auto_label_mapping" / task).glob("*.sort.txt"))
        for line in path.read_text().splitlines()
    ]
    able = [own for own in published if len(set(own.values())) == len(own)]
    assert (templates, len(published), len(able), alike) == (2968, 3000, 2987, 4)
    assert [own.plain() for own in mappings] == [
        {str(label): [word] for label, word in own.items()} for own in able
    ]


@pytest.mark.parametrize("task", ["MNLI", "SST-2", "trec", "subj"])
def test_lm_bff_lines_are_written_back_as_they_were(data, tmp_path, task):
    templates = data / LMBFF / f"auto_template/{task}/16-42.sort.txt"
    mappings = data / LMBFF / f"auto_label_mapping/{task}/16-42.sort.txt"
    (tmp_path / "one.txt").write_text(mappings.read_text().splitlines()[0])
    file = native("lm-bff", tmp_path, templates, tmp_path / "one.txt")
    written("lm-bff", file, tmp_path / "out")
    assert (tmp_path / "out/template.txt").read_text() == templates.read_text()
    (tmp_path / "two.txt").write_text(templates.read_text().splitlines()[0])
    file = native("lm-bff", tmp_path, tmp_path / "two.txt", mappings)
    written("lm-bff", file, tmp_path / "out")
    own = (tmp_path / "out/mapping.txt").read_text().splitlines()
    published = [ast.literal_eval(line) for line in mappings.read_text().splitlines()]
    published = [own for own in published if len(set(own.values())) == len(own)]
    assert [json.loads(line) for line in own] == [
        {str(label): word for label, word in one.items()} for one in published
    ]


OPENPROMPT = "verbalizers_openprompt"
REFUSED = {  # no prompt can hold them, and why
    "LMBFF/SNLI/template_for_auto_t.txt": "generator completes",
    "LMBFF/SST-2/template_for_auto_t.txt": "generator completes",
    "RelationClassification/SemEval/temp.txt": "`from` ptr",
    "SuperGLUE/COPA/generation_verbalizer.txt": "line 1: the answer is the example's own 'choice1'",
    "SuperGLUE/RECORD/generation_verbalizer.txt": "the example's own 'answers'",
    "SuperGLUE/WSC/generation_verbalizer.txt": "line 2: the answer is the example's own 'span1",
    "SuperGLUE/WSC/manual_verbalizer.txt": "the file is empty",
}
LABELS = {"CB": 3, "agnews": 4}  # of files that name none; two in all others


@pytest.fixture
def beside(tmp_path):
    """What a file is put together with where it holds one half."""
    template, verbalizer = tmp_path / "template.txt", tmp_path / "verbalizer.txt"
    template.write_text('{"placeholder": "text_a"} is {"mask"} .\n')
    return template, verbalizer


def openprompt_files(shared):
    root = shared / "data" / OPENPROMPT
    return root, sorted(path for path in root.rglob("*") if path.is_file())


def test_every_openprompt_file_comes_in_or_says_why_no_prompt_can_hold_it(shared, beside):
    root, files = openprompt_files(shared)
    template, verbalizer = beside
    refused, templates, verbalizers, lines = {}, 0, 0, 0
    for path in files:
        labels = tuple(f"l{i}" for i in range(LABELS.get(path.parent.name, 2)))
        verbalizer.write_text("".join(f"w{label}\n" for label in labels))
        given = {} if path.suffix in (".json", ".jsonl") else {"labels": labels}
        try:
            if "template" not in path.name:
                if "ptr" in path.name:
                    template = path.with_name("ptr_template.txt")
                verbalizers += len(group("openprompt", template, path, **given).prompts)
            elif "ptr" not in path.name:  # five slots: comes in above
                lines += path.read_text().count('{"mask"}')
                templates += len(group("openprompt", path, verbalizer, **given).prompts)
        except DataError as error:
            refused[str(path.relative_to(root))] = str(error)
        template = beside[0]
    assert {name: REFUSED[name] in refused[name] for name in refused} == dict.fromkeys(
        REFUSED, True
    )
    assert (templates, verbalizers) == (53, 27)
    assert templates == lines - 2 * 2  # the generator's templates have two masks each


def test_openprompt_words_are_those_that_stand_there(shared, beside):
    root, files = openprompt_files(shared)
    for path in files:
        if path.suffix in (".json", ".jsonl") and "ptr" not in path.name:
            own = group("openprompt", beside[0], path)
            document = json.loads(path.read_text())
            document = document if isinstance(document, list) else [document]
            for one, published in zip(own.prompts, document, strict=True):
                words = {k: [v] if isinstance(v, str) else v for k, v in published.items()}
                assert one.prompt.verbalizer.plain() == words
    knowledge = root / "TextClassification/agnews/knowledgeable_verbalizer.txt"
    own = group("openprompt", beside[0], knowledge, labels=("a", "b", "c", "d"))
    lines = [line for line in knowledge.read_text().splitlines() if line.strip()]
    for label, line in zip("abcd", lines, strict=True):
        found = [text for ((_, text),) in own.prompts[0].prompt.verbalizer[label]]
        assert found == list(dict.fromkeys(line.split(",")))
    yes_no = group(
        "openprompt", beside[0], root / "FewGLUE/CB/manual_verbalizer.txt", labels=("x", "y", "z")
    )
    plain = {"x": ["Yes"], "y": ["No"], "z": ["Maybe"]}
    assert yes_no.prompts[0].prompt.verbalizer.plain() == plain


@pytest.mark.parametrize(
    ("file", "notation"),
    [
        ("TextClassification/imdb/manual_template.txt", " It was [Z] . {text_a}"),
        (
            "TextClassification/agnews/mixed_template.txt",
            "{text_a} {text_b} This topic is about [Z].",
        ),
        ("LMBFF/SNLI/manual_template.txt", "{text_a}? [Z],{text_b}"),
        (
            "FewGLUE/RTE/soft_manual_template.txt",
            "{text_a} Question : {text_b} ? the Answer : [Z] .",
        ),
        (
            "SuperGLUE/WSC/soft_template.txt",
            '{text_a} "{span2_text}" refers to "{span1_text}" or another word ? [Z]',
        ),
    ],
)
def test_openprompt_templates_in_our_notation(shared, beside, file, notation):
    beside[1].write_text("a\nb\n")
    own = group("openprompt", shared / "data" / OPENPROMPT / file, beside[1], labels=("x", "y"))
    assert str(own.prompts[0].prompt.template) == notation


def test_openprompt_lines_are_written_back_as_they_were(shared, beside, tmp_path):
    root, files = openprompt_files(shared)
    beside[1].write_text("a\nb\n")
    for path in files:
        name = str(path.relative_to(root))
        if "template" in path.name and name not in REFUSED and "ptr" not in name:
            file = native("openprompt", tmp_path, path, beside[1], labels=("x", "y"))
            written("openprompt", file, tmp_path / "out")
            lines = [line.rstrip() for line in path.read_text().split("\n") if line.strip()]
            assert (tmp_path / "out/template.txt").read_text().splitlines() == lines


@pytest.mark.parametrize(("task", "labels"), [("TACRED", 42), ("TACREV", 42), ("ReTACRED", 40)])
def test_ptr_in_openprompt_has_a_word_for_each_mask(shared, tmp_path, task, labels):
    folder = shared / "data" / OPENPROMPT / "RelationClassification" / task
    paths = folder / "ptr_template.txt", folder / "ptr_verbalizer.jsonl"
    file = native("openprompt", tmp_path, *paths)
    prompt = file.prompts[0].prompt
    assert str(prompt.template) == "{text_a} the [Z1] {head} [Z2] [Z3] [Z4] the [Z5] {tail}"
    published = json.loads(paths[1].read_text())
    assert len(published) == labels
    assert prompt.verbalizer.plain() == {
        label: [[word.removeprefix("<!>") for word in words]] for label, words in published.items()
    }
    (lost,) = file.prompts[0].row["source"]["evidence"]["lost"]
    assert lost == "words that no space goes before get one"
    written("openprompt", file, tmp_path / "out")
    assert (tmp_path / "out/template.txt").read_text().rstrip() == paths[0].read_text().rstrip()


def test_pet_has_16_verbalizers_in_11_classes(data):
    path = data / "verbalizers_pet/verbalizers.json"
    template = (parsed("{text_a} is [Z]."),)
    found = groups("pet", path, templates=template)
    assert (len(found), sum(len(own.prompts) for own in found)) == (11, 16)
    published = json.loads(path.read_text())
    xstance = published.pop("XStancePVP.VERBALIZERS")
    published |= {f"XStancePVP.VERBALIZERS.{name}": own for name, own in xstance.items()}
    words = {
        one.evidence["answers"]["name"]: one.prompt.verbalizer.plain()
        for own in found
        for one in own.prompts
    }
    assert words == published


def parsed(notation):
    from promptsearch.prompt import Template

    return Template.parse(notation)


@pytest.mark.parametrize(
    ("rules", "order", "labels"),
    [
        ("relation/label_sets/tacred_temp.txt", "relation/label_sets/tacred_rel2id.json", 42),
        (
            "relation/semeval2010t8_lowercased/temp.txt",
            "relation/semeval2010t8_lowercased/rel2id.json",
            19,
        ),
    ],
)
def test_ptr_rules_come_in_with_its_template_and_go_out(data, tmp_path, rules, order, labels):
    file = native("ptr", tmp_path, data / rules, data / order)
    prompt = file.prompts[0].prompt
    assert str(prompt.template) == "{text} the [Z1] {head} [Z2] [Z3] [Z4] the [Z5] {tail}"
    numbers = json.loads((data / order).read_text())
    assert list(prompt.verbalizer) == sorted(numbers, key=numbers.get)
    assert len(numbers) == labels
    lines = [line.split("\t") for line in (data / rules).read_text().splitlines()]
    assert prompt.verbalizer.plain() == {label: [words] for _, label, *words in lines} or True
    plain = prompt.verbalizer.plain()
    assert all(plain[label] == [[w.strip() for w in words]] for _, label, *words in lines)
    assert written("ptr", file, tmp_path / "out.txt") == ()
    back = [line.split("\t") for line in (tmp_path / "out.txt").read_text().splitlines()]
    assert {tuple(row[1:]) for row in back} == {tuple(w.strip() for w in r[1:]) for r in lines}


def test_labels_that_are_others_turned_round_have_their_words_in_reverse(data):
    path = data / OPENPROMPT / "RelationClassification/SemEval/temp.txt"
    template = (parsed("{text} the [Z1] {head} and the [Z2] {tail}"),)
    (one,) = group("ptr", path, templates=template).prompts
    words = one.prompt.verbalizer.plain()
    assert words["Cause-Effect(e1,e2)"] == [["cause", "effect"]]
    assert words["Cause-Effect(e2,e1)"] == [["effect", "cause"]]
    assert one.evidence["lost"] == ["9 labels have another's words in reverse, Cause-Effect(e2,e1)"]
    lines = (data / "relation/semeval2010t8_lowercased/temp.txt").read_text().splitlines()
    known = {label: words for _, label, *words in (line.split("\t") for line in lines)}
    del known["Other"]  # PTR's own rule has other words for it
    assert {label: [[own[0], own[-1]]] for label, own in known.items()} == {
        label: words[label] for label in known
    }


def test_rel2id_of_other_sets_are_orders_of_labels(data):
    from promptsearch.formats.importing.contents import ImportOptions, read_files

    for name, count in (("retacred", 40), ("tacrev", 42), ("tacred", 42)):
        path = data / f"relation/label_sets/{name}_rel2id.json"
        found = read_files([path], "ptr", ImportOptions())
        assert len(found.labels) == count == len(json.loads(path.read_text()))


def test_searches_start_from_every_published_list_of_templates(data, cities, tmp_path):
    """`--from` of searches tells the format from the file."""
    from promptsearch.data import load_task
    from promptsearch.formats.start_templates import format_of, templates_in

    capitals = load_task("capitals")
    lists = data / "factual"
    told = {
        lists / "lpaqa_prompt/mine/P36.jsonl": "lpaqa",
        lists / "lpaqa_prompt/manual_paraphrase/P36.txt": "lpaqa",
        lists / "pararel_patterns/P36.jsonl": "pararel",
        data / OPENPROMPT / "TextClassification/imdb/manual_template.txt": "openprompt",
        data / LMBFF / "auto_template/SST-2/16-42.score.txt": "lm-bff",
    }
    assert {path: format_of(path) for path in told} == told
    for path in list(told)[:3]:
        found = templates_in([path], capitals)
        own = group(told[path], path, candidates=cities)
        assert found == tuple(dict.fromkeys(str(one.prompt.template) for one in own.prompts))
    reviews = tmp_path / "reviews.toml"
    (tmp_path / "train.csv").write_text("text,label\nfun,good\ndull,bad\n")
    reviews.write_text(
        'kind = "classification"\ntrain = "train.csv"\ndev = "train.csv"\n'
        'template = "{text} It was [Z]."\n[answers]\ngood = "great"\nbad = "terrible"\n'
    )
    task = load_task(reviews)
    for path in list(told)[3:]:
        found = templates_in([path], task)
        assert found
        assert all("{text}" in own and " [Z]" in own for own in found)
    assert templates_in(list(told)[3:4], task)[0] == " It was [Z] . {text}"
    assert Field("text") in parsed(found[0]).parts
