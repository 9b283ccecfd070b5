"""What we write for OpenPrompt, read and rendered by OpenPrompt itself.

Needs openprompt 1.0.1, which wants an old transformers: in an environment of its own, without the
models of ours, `pytest --noconftest tests/test_import_openprompt_itself.py` runs it.
"""

import pytest

openprompt = pytest.importorskip(
    "openprompt", reason="needs openprompt 1.0.1 (and transformers < 4.40), which is not installed"
)

from foreign import file_of, written  # noqa: E402
from openprompt.data_utils import InputExample  # noqa: E402
from openprompt.prompts import ManualTemplate, ManualVerbalizer  # noqa: E402

from promptsearch.prompt import Input, Prompt, Slot, Template, Text, Verbalizer  # noqa: E402

INPUTS = {"text": "a {dull} film", "title": "It's", "year": "1999"}
TEMPLATES = [
    "{text} It was [Z].",
    "[Z] : {text}",
    " {title} ({text})  in {year}: [Z] !  ",
    'a "{{brace}}" \\n {text}\n[[Z]] *mask* _ \\u007b [Z]',
    "({text})[Z]",
    "{text}{title} ? [Z] , {{mask}}",
    "\t{text} 很[Z]。",
    "{text} it's  [Z]",
]


class Words:
    """As much of a tokenizer as a verbalizer asks for: a letter is a token."""

    def encode(self, text, add_special_tokens=False):
        return [ord(letter) for letter in text]


def ours(template):
    """The text that we fill in, in OpenPrompt's terms: the word brings the space before a mask."""
    said = ""
    for part in template.fill(INPUTS):
        if isinstance(part, Slot):
            said = said.removesuffix(" ") + "<mask>"
        else:
            assert isinstance(part, Text | Input)
            said += part.text
    return said


def theirs(path, choice, names):
    """OpenPrompt's rendering of the same example."""
    template = ManualTemplate(tokenizer=None).from_file(str(path), choice)
    texts = {key: INPUTS[ours] for ours, key in names.items() if key.startswith("text_")}
    meta = {key: INPUTS[ours] for ours, key in names.items() if not key.startswith("text_")}
    parts, _ = template.wrap_one_example(InputExample(guid="0", meta=meta, label=0, **texts))
    return "".join(part["text"] for part in parts)


@pytest.mark.parametrize("notation", TEMPLATES)
def test_openprompt_renders_our_template_as_we_do(tmp_path, notation):
    template = Template.parse(notation)
    prompt = Prompt(template, Verbalizer.of({"bad": ["dull", "awful"], "good": ["great"]}))
    file = file_of(tmp_path, [prompt], inputs=["text", "title", "year"])
    written("openprompt", file, tmp_path / "out")
    used = [name for name in INPUTS if name in template.fields]
    names = dict(zip(used, ["text_a", "text_b", "year"], strict=False))
    assert theirs(tmp_path / "out/template.txt", 0, names) == ours(template)


@pytest.mark.parametrize("notation", ["{text} is [Z].", "({text})[Z]"])
def test_openprompt_reads_our_words(tmp_path, notation):
    words = {"bad": ["dull", 'it\'s "bad"'], "good": ["great"]}
    prompt = Prompt(Template.parse(notation), Verbalizer.of(words))
    written("openprompt", file_of(tmp_path, [prompt]), tmp_path / "out")
    verbalizer = ManualVerbalizer(tokenizer=Words(), classes=["bad", "good"])
    verbalizer.from_file(str(tmp_path / "out/verbalizer.json"))
    space = " " if " [Z]" in notation else ""
    assert verbalizer.label_words == [[f"{space}{w}" for w in own] for own in words.values()]


def test_openprompt_reads_several_of_our_prompts(tmp_path):
    words = [
        Verbalizer.of({"bad": "dull", "good": "fun"}),
        Verbalizer.of({"bad": "no", "good": "y"}),
    ]
    prompts = [
        Prompt(Template.parse(notation), own)
        for notation, own in zip(("{text} is [Z].", "[Z]! {text}"), words, strict=True)
    ]
    written("openprompt", file_of(tmp_path, prompts), tmp_path / "out")
    for choice, prompt in enumerate(prompts):
        said = theirs(tmp_path / "out/template.txt", choice, {"text": "text_a"})
        assert said == ours(prompt.template)
        verbalizer = ManualVerbalizer(tokenizer=Words(), classes=["bad", "good"])
        verbalizer.from_file(str(tmp_path / "out/verbalizer.json"), choice)
        found = [[word.strip() for word in own] for own in verbalizer.label_words]
        assert found == list(prompt.verbalizer.plain().values())
