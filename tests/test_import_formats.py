"""Fine points of single formats: PET's Python, AutoPrompt's tokens, names, and the other half."""

import json

import pytest
from foreign import group, groups, native, written
from tiny import tiny

from promptsearch.commands.shared.name_options import input_names, names_in
from promptsearch.data import FACTS, load_task
from promptsearch.errors import DataError
from promptsearch.formats.importing.contents import ImportOptions, read_files
from promptsearch.prompt import Template

PVP = '''
"""Everything that PET's own classes do."""
import string
from pvp import PVP


class FirstPVP(PVP):
    VERBALIZER_A = {"no": ["wrong"], "yes": ["right", "true"]}
    VERBALIZER_B = {"no": ["No"], "yes": ["Yes"]}

    def get_parts(self, example: "InputExample"):
        """A docstring."""
        text_a = self.shortenable(self.remove_final_punc(example.text_a))
        text_b = self.shortenable(example.text_b.rstrip(string.punctuation))
        word = example.meta['word']
        if self.pattern_id == 0 or self.pattern_id == 2:
            return ['"', text_a, '" ?'], [self.mask, ', "', text_b, '"']
        elif self.pattern_id < 2:
            return [text_a, ' question: ', text_b, '', 'of ' + word + '?', self.mask], []
        elif self.pattern_id == 3:
            return [text_a, self.mask * 3], []
        else:
            raise ValueError("No pattern implemented for id {}".format(self.pattern_id))

    def verbalize(self, label):
        if self.pattern_id == 1:
            return ['true'] if label == 'yes' else ['false']
        return FirstPVP.VERBALIZER_A[label]


class SecondPVP(FirstPVP):
    VERBALIZERS = {'en': {"a": ["Yes"], "b": ["No"]}, 'de': {"a": ["Ja"], "b": ["Nein"]}}

    def get_parts(self, example):
        if self.pattern_id == 4:
            return [self.lowercase_first(example.text_a), ':', self.mask], []
        return super().get_parts(example)

    def verbalize(self, label):
        lang = 'de' if self.pattern_id < 1 else 'en'
        return SecondPVP.VERBALIZERS[lang][label]


class ThirdPVP(PVP):
    def get_parts(self, example):
        return [example.text_a, self.mask], []

    def verbalize(self, label):
        return []


PVPS = {'first': FirstPVP}
'''


@pytest.fixture
def pvp(tmp_path):
    path = tmp_path / "pvp.py"
    path.write_text(PVP)
    return path


def test_pet_classes_are_worked_out_without_running_them(pvp):
    own = group("pet", pvp, group="FirstPVP")
    assert {one.evidence["pattern"]: str(one.prompt.template) for one in own.prompts} == {
        0: '" {text_a} " ? [Z] , " {text_b} "',
        1: "{text_a} question:  {text_b} of {word}? [Z]",
        2: '" {text_a} " ? [Z] , " {text_b} "',
    }
    words = [one.prompt.verbalizer.plain() for one in own.prompts]
    assert words == [
        {"no": ["wrong"], "yes": ["right", "true"]},
        {"no": ["false"], "yes": ["true"]},
        {"no": ["wrong"], "yes": ["right", "true"]},
    ]
    assert "PET takes the last punctuation off text_a (3x)" in own.notes
    assert "PET parts its two segments (2x)" in own.notes
    assert "pvp.py: FirstPVP: cannot be read (self.mask * 3) and was left out" in own.notes
    assert (
        "pvp.py: ThirdPVP: cannot be read (its answers are the example's own) and was left out"
        in own.notes
    )


def test_pet_classes_have_what_their_bases_have(pvp):
    first, second = groups("pet", pvp)
    assert (first.name, second.name) == ("FirstPVP", "SecondPVP")
    own = {one.evidence["pattern"]: one for one in second.prompts}
    assert sorted(own) == [0, 1, 2, 4]
    assert str(own[4].prompt.template) == "{text_a} : [Z]"
    assert own[4].evidence["lost"] == ["PET gives text_a a small first letter"]
    assert own[0].prompt.template == first.prompts[0].prompt.template
    assert own[0].prompt.verbalizer.plain() == {"a": ["Ja"], "b": ["Nein"]}
    assert own[1].prompt.verbalizer.plain() == {"a": ["Yes"], "b": ["No"]}


def test_nothing_in_a_pet_file_runs(tmp_path):
    path = tmp_path / "pvp.py"
    proof = tmp_path / "ran"
    path.write_text(f"open({str(proof)!r}, 'w')\n{PVP}\nopen({str(proof)!r}, 'w')\n")
    assert groups("pet", path)
    assert not proof.exists()


def test_petal_verbalizers_go_with_their_patterns(tmp_path, pvp):
    petal = {"0": {"no": ["a"], "yes": ["b", "c"]}, "1": {"no": ["d"], "yes": ["e"]}}
    (tmp_path / "verbalizers.json").write_text(json.dumps(petal))
    (tmp_path / "verbalizers.txt").write_text("0\nno a\nyes b c\n1\nno d\nyes e\n")
    template = (Template.parse("{text_a} is [Z]."),)
    for name in ("verbalizers.json", "verbalizers.txt"):
        own = group("pet", tmp_path / name, templates=template)
        assert [one.prompt.verbalizer.plain() for one in own.prompts] == list(petal.values())
        with_patterns = group("pet", pvp, tmp_path / name, group="FirstPVP")
        pairs = [
            (one.evidence["pattern"], one.evidence["answers"].get("pattern"))
            for one in with_patterns.prompts
        ]
        assert {pattern for pattern, chosen in pairs if chosen} == {0, 1}
        assert all(str(pattern) == chosen for pattern, chosen in pairs if chosen)


def test_a_class_of_a_written_file_is_one_that_python_takes(tmp_path, pvp):
    file = native("pet", tmp_path, pvp, group="FirstPVP")
    notes = written("pet", file, tmp_path / "out.py")
    code = (tmp_path / "out.py").read_text()
    compile(code, "out.py", "exec")
    again = group("pet", tmp_path / "out.py")
    own = {s.id: s.prompt for s in file.prompts if f"reads {s.id} as" not in " ".join(notes)}
    assert list(own) == ["p0", "p2"]  # in p1 a question mark stands right behind a word
    assert [one.prompt for one in again.prompts[::2]] == list(own.values())


TRIGGER = {
    "template": "[CLS] {sentence} [T] [T] [T] [P]. [SEP]",
    "initial_trigger": ["great", "film", "##ing"],
    "label_map": {"0": ["bad", "##ly"], "1": ["good"]},
}


def test_autoprompt_tokens_become_text_by_their_marks(tmp_path):
    path = tmp_path / "prompt.json"
    path.write_text(json.dumps(TRIGGER))
    (one,) = group("autoprompt", path).prompts
    assert str(one.prompt.template) == "{sentence} great filming [Z]."
    assert one.prompt.verbalizer.plain() == {"0": ["bad", "ly"], "1": ["good"]}
    assert (one.round_trips, one.token_ids) == (None, None)
    byte_level = {
        **TRIGGER,
        "template": "<s> [T] {sentence} [T] [T] [P] </s>",
        "initial_trigger": ["\u0120It", "\u0120caf", "\u00c3\u00a9"],
        "label_map": {"0": "\u0120worse", "1": "\u0120best"},
    }
    path.write_text(json.dumps(byte_level))
    (one,) = group("autoprompt", path).prompts
    assert str(one.prompt.template) == "It {sentence} caf\u00e9 [Z]"
    assert one.prompt.verbalizer.plain() == {"0": ["worse"], "1": ["best"]}
    path.write_text(json.dumps({**byte_level, "initial_trigger": ["\u2581a", "b", "\u2581c"]}))
    (one,) = group("autoprompt", path).prompts
    assert str(one.prompt.template) == "a {sentence}b c [Z]"


def test_a_model_says_whether_autoprompt_tokens_are_read_back(tmp_path):
    model, _, tokenizer = tiny("bert")
    path = tmp_path / "prompt.jsonl"
    vocabulary = tokenizer.get_vocab()
    start, end = next(  # two tokens whose text is a third
        (word[:1], f"##{word[1:]}")
        for word in vocabulary
        if word.isalpha() and word[:1] in vocabulary and f"##{word[1:]}" in vocabulary
    )
    sayable = {**TRIGGER, "initial_trigger": ["great", "film", "the"]}
    unsayable = {**TRIGGER, "initial_trigger": [start, end, "the"]}
    unknown = {**TRIGGER, "initial_trigger": ["great", "film", "xylophone"]}
    path.write_text("".join(json.dumps(row) + "\n" for row in (sayable, unsayable, unknown)))
    one, other, third = group("autoprompt", path, model=model).prompts
    ids = tokenizer.convert_tokens_to_ids(sayable["initial_trigger"])
    assert (one.round_trips, list(one.token_ids)) == (True, ids)
    for found in (other, third):
        assert found.round_trips is False
        assert "the model reads the text of the trigger as other tokens" in found.evidence["lost"]
    text = str(other.prompt.template).split("{sentence}")[1].split("[Z]")[0]
    read = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert read != tokenizer.convert_tokens_to_ids(unsayable["initial_trigger"])


def test_autoprompt_triggers_are_written_back_as_they_were(tmp_path):
    path = tmp_path / "prompt.json"
    path.write_text(json.dumps(TRIGGER))
    file = native("autoprompt", tmp_path, path)
    assert written("autoprompt", file, tmp_path / "out") == ()
    assert json.loads((tmp_path / "out").read_text()) == TRIGGER


def test_autoprompt_with_a_subject_is_for_facts(tmp_path):
    row = {"template": "<s> {sub_label} [T] [P] . </s>", "initial_trigger": ["\u0120in"]}
    (tmp_path / "p.jsonl").write_text(json.dumps({**row, "relation": "P17"}))
    (tmp_path / "c.txt").write_text("Paris\nRome\n")
    own = group("autoprompt", tmp_path / "p.jsonl", candidates=tmp_path / "c.txt")
    assert (own.name, own.kind) == ("P17", FACTS)
    assert str(own.prompts[0].prompt.template) == "{subject} in [Z] ."


@pytest.fixture
def nli(tmp_path):
    (tmp_path / "train.tsv").write_text(
        "id\tpremise\thypothesis\tlabel\n1\ta\tb\tyes\n2\tc\td\tno\n"
    )
    (tmp_path / "nli.toml").write_text(
        'kind = "classification"\ntrain = "train.tsv"\ndev = "train.tsv"\n'
        'template = "{hypothesis}? [Z], {premise}"\n[answers]\nyes = "Yes"\nno = "No"\n'
    )
    return load_task(tmp_path / "nli.toml")


def test_inputs_that_formats_count_are_those_of_the_manual_template(tmp_path, nli):
    """The table's first column, id, is none of them; the order is that of the table."""
    (tmp_path / "t.txt").write_text("*cls**sent_0*?*mask*,*+sent_1**sep+*\n")
    own = group("lm-bff", tmp_path / "t.txt", task=nli)
    assert str(own.prompts[0].prompt.template) == "{premise}? [Z], {hypothesis}"
    assert own.prompts[0].prompt.verbalizer == nli.prompt.verbalizer
    assert "inputs: sent_0 is {premise}, sent_1 is {hypothesis}" in own.notes
    turned = {"sent_0": "hypothesis", "sent_1": "premise"}
    own = group("lm-bff", tmp_path / "t.txt", task=nli, fields=turned)
    assert str(own.prompts[0].prompt.template) == "{hypothesis}? [Z], {premise}"
    with pytest.raises(
        DataError, match=r"the input 'sent_0' is none of nli's.*`inputs` sent_0=NAME"
    ):
        group("lm-bff", tmp_path / "t.txt", task=nli, fields={"sent_0": "text"})


def test_labels_are_the_tasks_by_name_or_say_which_is_which(tmp_path, nli):
    (tmp_path / "m.txt").write_text("{'no': 'Alas', 'yes': 'Rather'}\n{'no': 'x', 'yes': 'y'}\n")
    own = group("lm-bff", tmp_path / "m.txt", task=nli)
    assert [list(one.prompt.verbalizer) for one in own.prompts] == [["yes", "no"]] * 2
    assert own.prompts[0].prompt.verbalizer.plain() == {"yes": ["Rather"], "no": ["Alas"]}
    (tmp_path / "m.txt").write_text('{"0": "Alas", "1": "Rather"}\n')
    with pytest.raises(
        DataError, match=r"m.txt, line 1: there are no words for the label 'yes'.*THEIRS"
    ):
        group("lm-bff", tmp_path / "m.txt", task=nli)
    own = group("lm-bff", tmp_path / "m.txt", task=nli, renamed={"0": "no", "1": "yes"})
    assert own.prompts[0].prompt.verbalizer.plain() == {"yes": ["Rather"], "no": ["Alas"]}
    (tmp_path / "m.txt").write_text('{"no": "a", "yes": "b", "maybe": "c"}\n')
    with pytest.raises(DataError, match="words for the label 'maybe', but the labels are yes, no"):
        group("lm-bff", tmp_path / "m.txt", task=nli)


def test_labels_that_go_by_position_are_told(tmp_path, nli):
    (tmp_path / "v.txt").write_text("Right,Sure\nWrong\n\nA\nB\n")
    own = group("openprompt", tmp_path / "v.txt", task=nli)
    assert [one.prompt.verbalizer.plain() for one in own.prompts] == [
        {"yes": ["Right", "Sure"], "no": ["Wrong"]},
        {"yes": ["A"], "no": ["B"]},
    ]
    assert "labels by their position: yes, no" in own.notes
    (tmp_path / "v.txt").write_text("Right\nWrong\nMaybe\n")
    with pytest.raises(DataError, match="has words for 3 labels, but there are 2: yes, no"):
        group("openprompt", tmp_path / "v.txt", task=nli)


def test_the_other_half_must_come_from_somewhere(tmp_path):
    (tmp_path / "t.txt").write_text("*sent_0*_is*mask*.\n")
    (tmp_path / "m.txt").write_text('{"0": "Alas", "1": "Rather"}\n')
    with pytest.raises(DataError, match=r"no verbalizer in the files; give a file .* or `task`"):
        group("lm-bff", tmp_path / "t.txt")
    with pytest.raises(DataError, match=r"no template in the files; give .*`template` or `task`"):
        group("lm-bff", tmp_path / "m.txt")
    (tmp_path / "P1.txt").write_text("[X] is in [Y]\n")
    with pytest.raises(DataError, match=r"without candidates.*give `candidates` FILE or `task`"):
        group("lpaqa", tmp_path / "P1.txt")


def test_facts_have_the_candidates_of_their_task(tmp_path, nli):
    capitals = load_task("capitals")
    (tmp_path / "P36.txt").write_text("The capital of [X] is [Y].\n")
    (one,) = group("lpaqa", tmp_path / "P36.txt", task=capitals).prompts
    assert one.prompt.verbalizer.labels == capitals.labels
    with pytest.raises(DataError, match="prompts for facts, but 'nli' is a task of classification"):
        group("lpaqa", tmp_path / "P36.txt", task=nli)
    (tmp_path / "P19.txt").write_text("[X] was born in [Y].\n")
    with pytest.raises(DataError, match=r"is one task, but the files hold 2: .*`relation`"):
        groups("lpaqa", tmp_path / "P19.txt", tmp_path / "P36.txt", task=capitals)
    with pytest.raises(DataError, match="`relation` P20: there is none; there are P19, P36"):
        groups("lpaqa", tmp_path / "P19.txt", tmp_path / "P36.txt", group="P20")


def test_a_folder_of_candidates_has_a_file_a_relation(tmp_path):
    folder = tmp_path / "candidates"
    folder.mkdir()
    for name, words in {"P19": "Paris\nRome\n", "P36": "Oslo\nLima\nBern\n"}.items():
        (folder / f"{name}.txt").write_text(words)
        (tmp_path / f"{name}.jsonl").write_text('{"template": "[X] [Y]"}')
    own = groups("lpaqa", tmp_path / "P19.jsonl", tmp_path / "P36.jsonl", candidates=folder)
    assert [len(one.prompts[0].prompt.verbalizer) for one in own] == [2, 3]


def test_only_the_first_of_each_file(tmp_path):
    (tmp_path / "t.txt").write_text("*sent_0*_is*mask*.\n*sent_0*_was*mask*.\n")
    (tmp_path / "m.txt").write_text("".join(f'{{"0": "a{i}", "1": "b"}}\n' for i in range(3)))
    own = group("lm-bff", tmp_path / "t.txt", tmp_path / "m.txt", top=2)
    assert len(own.prompts) == 4
    own = group("lm-bff", tmp_path / "t.txt", tmp_path / "m.txt")
    assert [(one.evidence["line"], one.evidence["answers"]["line"]) for one in own.prompts] == [
        (1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)
    ]  # fmt: skip


def test_names_of_an_option():
    assert names_in('"Cause-Effect(e1,e2)",Other', "--labels") == (
        ("Cause-Effect(e1,e2)", "Other"),
        {},
    )
    assert names_in("0=no, 1=yes", "--labels") == ((), {"0": "no", "1": "yes"})
    assert names_in("", "--labels") == ((), {})
    for wrong in ("a,,b", "a,a", "a,b=c", '"a'):
        with pytest.raises(DataError, match="--labels"):
            names_in(wrong, "--labels")
    with pytest.raises(DataError, match="'a b' is no name of an input"):
        input_names("text_a=a b", "--inputs")


def test_a_folder_is_read_in_order_without_what_is_hidden(tmp_path):
    (tmp_path / "b").mkdir()
    for name in ("b/P2.txt", "P1.txt", ".P0.txt"):
        (tmp_path / name).write_text("[X] [Y]\n")
    (tmp_path / "notes.md").write_text("no template")
    found = read_files([tmp_path], "lpaqa", ImportOptions())
    assert [path.name for path in found.files] == ["P1.txt", "P2.txt"]
