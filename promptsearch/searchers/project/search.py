"""Projection: the vectors of a soft prompt as their nearest words, scored as text.

What the vectors do need not be what their nearest words say: a prompt that was trained from words
often has these very words nearest, at a high cosine, and scores far above them. So the vectors and
the words are both scored, beside the manual prompt. The words may be the start of a search by
gradients, which looks for text that does what the vectors do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

from promptsearch.engine.strategy import Score, Task
from promptsearch.errors import ModelError, PromptError, RunError
from promptsearch.prompt import Part, Prompt, Soft, Source, Template, Text
from promptsearch.searchers.common.saved_prompts import saved_prompts
from promptsearch.searchers.common.start_files import PromptsArgument
from promptsearch.searchers.gradient.search import GradientSearch

if TYPE_CHECKING:
    from promptsearch.models.training.nearest_tokens import Nearest, NearToken


@dataclass(frozen=True)
class ProjectSearch:
    """Write soft prompts as the words nearest to their vectors, and score both on dev.

    Each vector becomes the token of the largest cosine among those that text can say.
    """

    prompts: Annotated[
        str,
        "A prompts.json with soft prompts.  [in a plan: the prompt that the step starts from]",
        PromptsArgument(),
    ] = ""
    top: Annotated[int, "Soft prompts of the file, best first."] = 1
    near: Annotated[int, "Tokens told of each vector."] = 5
    method: Annotated[
        Literal["nearest", "gradient"],
        "nearest: the nearest words; gradient: a trigger search (GCG) goes on from these.",
    ] = "nearest"
    iterations: Annotated[int, "Steps of that search."] = 50

    def __post_init__(self) -> None:
        for name in ("top", "near", "iterations"):
            if (value := getattr(self, name)) < 1:
                raise RunError(f"--{name} {value} is too small; give 1 or more")

    def search(self, task: Task, score: Score) -> None:
        """Score soft prompts, then their nearest words."""
        if task.model is None:
            raise ModelError("a projection needs a model")
        from promptsearch.models.training.nearest_tokens import nearest_in, nearest_row

        for prompt in self._soft_prompts(task):
            (vectors,) = score([prompt])
            nearest = nearest_in(task.model, prompt.template, self.near)
            for part, tokens in nearest.items():
                task.log(f"[{part}] of {vectors.id}: {'; '.join(map(_nearness, tokens))}")
            source = Source("project", (vectors.id,), {"nearest": nearest_row(nearest)})
            (text,) = score(
                [replace(prompt, template=words_of(prompt.template, nearest), source=source)]
            )
            key = task.objective
            task.log(
                f"{text.prompt.template.notation!r}: as words {key} {text.scores[key]:.3f} on dev, "
                f"the vectors {vectors.scores[key]:.3f}"
            )
            if self.method == "gradient":
                triggers = GradientSearch(step="gcg", where="words", iterations=self.iterations)
                triggers.search(replace(task, prompt=text.prompt), score)

    def _soft_prompts(self, task: Task) -> list[Prompt]:
        """Return the soft prompts to project. Raises PromptError if there is none."""
        prompts = [task.prompt]
        if self.prompts:
            prompts = saved_prompts(self.prompts, task)
        for prompt in prompts:
            prompt.template.check_shallow("`project`")
        soft = [prompt for prompt in prompts if prompt.template.soft][: self.top]
        if not soft:
            raise PromptError(f"{self.prompts or 'the start'} has no soft prompt to write as words")
        return [replace(each, source=Source("soft")) for each in soft]


def words_of(template: Template, nearest: "Nearest") -> Template:
    """Return the template with each vector's nearest token in its place."""
    return Template(tuple(_parts(template.parts, nearest)))


def _parts(parts: Sequence[Part], nearest: "Nearest") -> Iterator[Part]:
    before = " "  # what stands before: a token's space is not written twice, nor at the start
    for part in parts:
        if isinstance(part, Soft):
            text = "".join(tokens[0].text for tokens in nearest[part.name])
            part = Text(text.removeprefix(" ") if before.endswith(" ") else text)
        before = part.text or before if isinstance(part, Text) else "x"
        yield part


def _nearness(tokens: Sequence["NearToken"]) -> str:
    first = tokens[0]
    others = " ".join(token.text.strip() for token in tokens[1:])
    return f"{first.text.strip()!r} {first.cosine:.2f} x{first.norm_ratio:.2f} ({others})"
