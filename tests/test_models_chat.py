"""Chat: the text before the slot is the user's message, the answer is the reply."""

import copy
import hashlib

import naive
import pytest
import torch
from test_models_naive import SINGLE, scores
from tiny import gpt2, gpt2_tokenizer

from promptsearch.errors import ModelError
from promptsearch.models import ModelInfo, Options
from promptsearch.models.loading.build import wrap
from promptsearch.models.tokenization.control_tokens import control_tokens
from promptsearch.prompt import Template

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="module")
def pair():
    tokenizer = gpt2_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(0)
    return gpt2(tokenizer).eval(), tokenizer


def wrapped(pair, **options):
    info = ModelInfo(spec="chatty", family="causal", sha256="0" * 64, dtype="float32")
    return wrap(*pair, info, Options(**options))


def reference(pair, prompt, reply):
    model, tokenizer = pair
    encoding = tokenizer(prompt + reply, add_special_tokens=False, return_offsets_mapping=True)
    start = len(prompt)
    spans = encoding["offset_mapping"]
    first = next(i for i, (_, right) in enumerate(spans) if right > start)
    return naive.causal(model, encoding["input_ids"], first)


def test_a_chat_scores_the_reply(pair):
    port = wrapped(pair, chat_system="You label films.", chat_answer_prefix="The film is")
    text = Template.parse("{text} It was [Z].").fill({"text": "a great film"})
    prompt = (
        "<|im_start|>system\nYou label films.<|im_end|>\n<|im_start|>user\na great film It was"
        "<|im_end|>\n<|im_start|>assistant\nThe film is"
    )
    expected = [reference(pair, prompt, f" {answer[0][1]}.") for answer in SINGLE]
    assert torch.allclose(scores(port, [text], SINGLE)[0], torch.tensor(expected), atol=2e-4)
    assert port.rendered(text) == prompt + " "


def test_a_chat_without_prefix_starts_with_the_answer(pair):
    port = wrapped(pair)
    text = Template.parse("{text} It was [Z]").fill({"text": "a great film"})
    prompt = "<|im_start|>user\na great film It was<|im_end|>\n<|im_start|>assistant\n"
    expected = [reference(pair, prompt, answer[0][1]) for answer in SINGLE]
    assert torch.allclose(scores(port, [text], SINGLE)[0], torch.tensor(expected), atol=2e-4)


def test_control_tokens_in_a_message_are_text(pair):
    port = wrapped(pair)
    text = Template.parse("{text} It was [Z]").fill({"text": "a <|im_end|> film"})
    item = next(iter(port.plan([text], SINGLE, port_scoring()).blocks)).items[0]
    end = pair[1].convert_tokens_to_ids("<|im_end|>")
    assert list(item.ids).count(end) == 1


def port_scoring():
    from promptsearch.models import Scoring

    return Scoring()


def test_long_messages_are_cut_inside_the_chat(pair):
    port = wrapped(pair)
    text = Template.parse("{text} It was [Z]").fill({"text": "a great film " * 100})
    item = next(iter(port.plan([text], SINGLE, port_scoring()).blocks)).items[0]
    assert len(item.ids) + item.completions.longest <= port.runtime.limit
    assert pair[1].decode(item.ids).endswith("It was<|im_end|>\n<|im_start|>assistant\n")


def test_what_the_result_says_about_the_chat(pair):
    port = wrapped(pair, chat_system="You label films.")
    digest = hashlib.sha256(TEMPLATE.encode()).hexdigest()
    assert port.info.chat == {"template_sha256": digest, "system": "You label films."}
    assert wrapped(pair, chat="off").info.chat is None


def test_chat_on_needs_a_template(pair):
    plain = copy.copy(pair[1])
    plain.chat_template = None
    with pytest.raises(ModelError, match="no chat template"):
        wrapped((pair[0], plain), chat="on")


def test_a_template_that_refuses_a_system_message_is_an_error(pair):
    strict = copy.copy(pair[1])
    strict.chat_template = "{{ raise_exception('no system role') }}"
    with pytest.raises(ModelError, match="no system role"):
        wrapped((pair[0], strict), chat_system="x")


def test_without_its_chat_a_model_reads_prompts_as_they_are(pair):
    text = Template.parse("{text} It was [Z].").fill({"text": "a great film"})
    chatty, raw = wrapped(pair), wrapped(pair, chat="off")
    torch.testing.assert_close(
        scores(chatty.without_chat, [text], SINGLE), scores(raw, [text], SINGLE)
    )
    assert chatty.without_chat.info == raw.info


DATED = "Today is {{ strftime_now('%d %b %Y, %M:%S.%f') }}. " + TEMPLATE


def test_a_template_that_writes_the_date_reads_a_fixed_one(pair):
    dated = copy.copy(pair[1])
    dated.chat_template = DATED
    port = wrapped((pair[0], dated))
    text = Template.parse("{text} It was [Z]").fill({"text": "a great film"})
    assert port.rendered(text).startswith("Today is 26 Jul 2024, 00:00.000000. <|im_start|>user")
    again = wrapped((pair[0], dated))
    assert port.info.chat == again.info.chat
    assert port.info.chat["date"] == "2024-07-26"
    dated.chat_template = DATED.replace("Today", "Now")
    other = wrapped((pair[0], dated)).info.chat
    assert other["rendered_sha256"] != port.info.chat["rendered_sha256"]


def test_a_template_that_is_never_the_same_is_an_error(pair):
    drawn = copy.copy(pair[1])
    drawn.chat_template = "{{ range(10 ** 5) | list | random }}" + TEMPLATE
    with pytest.raises(ModelError, match="another text each time"):
        wrapped((pair[0], drawn))


@pytest.mark.parametrize(
    "template", ["{{ messages[0].content + 1 }}", "{{ none(1) }}", "{% if %}", "{{ 1 / 0 }}"]
)
def test_whatever_a_template_raises_is_one_line(pair, template):
    broken = copy.copy(pair[1])
    broken.chat_template = template
    with pytest.raises(ModelError, match=r"'chatty' refuses the messages: .*; use `chat` off"):
        wrapped((pair[0], broken))


def test_of_several_templates_the_default_is_taken(pair):
    several = copy.copy(pair[1])
    several.chat_template = {"default": TEMPLATE, "rag": "{{ messages }}"}
    text = Template.parse("{text} It was [Z].").fill({"text": "a great film"})
    torch.testing.assert_close(
        scores(wrapped((pair[0], several)), [text], SINGLE), scores(wrapped(pair), [text], SINGLE)
    )
    several.chat_template = {"rag": TEMPLATE, "tool_use": TEMPLATE}
    with pytest.raises(ModelError, match=r"2 chat templates \(rag, tool_use\).*`chat` off"):
        wrapped((pair[0], several))
    assert wrapped((pair[0], several), chat="off").info.chat is None


def test_tokens_of_named_templates_are_control_tokens(pair):
    named = copy.deepcopy(pair[1])
    named.add_tokens(["<turn>"])
    named.chat_template = {"default": TEMPLATE.replace("<|im_start|>", "<turn>")}
    assert "<turn>" in control_tokens(named)
