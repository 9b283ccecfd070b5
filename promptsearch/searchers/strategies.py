"""The strategies by name. To add one: write its folder, add its line to SEARCHERS."""

import inspect
from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptsearch.engine.strategy import Searcher

PACKAGE = "promptsearch.searchers"


class Strategies(MutableMapping[str, "type[Searcher]"]):
    """Classes by name; a class's module is imported when the class is first asked for.

    Names lead to `module:Class`, where `.module` lies in this package, or to the class itself.
    """

    def __init__(self, homes: Mapping[str, "str | type[Searcher]"]) -> None:
        self._homes = dict(homes)

    def __getitem__(self, name: str) -> "type[Searcher]":
        home = self._homes[name]
        if not isinstance(home, str):
            return home
        module, _, attribute = home.partition(":")
        searcher: type[Searcher] = getattr(import_module(module, PACKAGE), attribute)
        return searcher

    def __setitem__(self, name: str, home: "str | type[Searcher]") -> None:
        self._homes[name] = home

    def __delitem__(self, name: str) -> None:
        del self._homes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._homes)

    def __len__(self) -> int:
        return len(self._homes)

    def __contains__(self, name: object) -> bool:
        return name in self._homes  # without the import

    def summary(self, name: str) -> str:
        """Return the first line of the docstring of the strategy's folder, or else of its class.

        The folder's is read without the strategy, so that `promptsearch --help` stays quick.
        """
        home = self._homes[name]
        folder = home.partition(":")[0].rpartition(".")[0] if isinstance(home, str) else ""
        text = import_module(folder, PACKAGE).__doc__ if folder else None
        return inspect.cleandoc(text or self[name].__doc__ or name).splitlines()[0]

    def with_class_name(self, class_name: str) -> "type[Searcher] | None":
        """Return the class of this name, or None for one that is not here."""
        for name, home in self._homes.items():
            if isinstance(home, str) and home.partition(":")[2] == class_name:
                return self[name]
        return None

    def name_of(self, searcher: type) -> str | None:
        """Return the name of a class, or None for one that is not here; nothing is imported."""
        module = searcher.__module__.removeprefix(PACKAGE)
        known = (searcher, f"{module}:{searcher.__qualname__}")
        return next((name for name, home in self._homes.items() if home in known), None)


SEARCHERS = Strategies(
    {
        "mine": ".mine.search:MiningSearch",
        "paraphrase": ".paraphrase.search:ParaphraseSearch",
        "gradient": ".gradient.search:GradientSearch",
        "generate": ".generate.search:GenerateSearch",
        "lm-score": ".lm_score.search:LMScoreSearch",
        "answers-paraphrase": ".answers.paraphrase.search:AnswerParaphraseSearch",
        "answers-prune": ".answers.prune.search:PruneSearch",
        "answers-likelihood-ratio": ".answers.likelihood_ratio.search:LikelihoodRatioSearch",
        "answers-probe": ".answers.probe.search:ProbeSearch",
        "answers-decompose": ".answers.decompose.search:DecomposeSearch",
        "soft": ".soft.search:SoftSearch",
        "prefix": ".prefix.search:PrefixSearch",
        "mixture": ".mixture.search:MixtureSearch",
        "project": ".project.search:ProjectSearch",
        "search": ".joint.search:JointSearch",
    }
)
