"""Ways of doing the same work, timed in turn, with what shows that it was the same."""

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from promptsearch.bench.report import times
from promptsearch.bench.rounds import ratio


@dataclass
class Race:
    """One step by its makers, and what shows that they did the same work."""

    name: str
    goal: float
    ways: dict[str, Callable[[int], float]] = field(default_factory=dict)  # round -> seconds
    seconds: dict[str, list[float]] = field(default_factory=dict)
    found: dict[str, list[str]] = field(default_factory=dict)
    same_work: bool = True

    def check(self, what: str, found: object, good: bool = True) -> None:
        self.found.setdefault(what, []).append(f"{found}" if good else f"{found} (NOT THE SAME)")
        self.same_work &= good

    def run(self, rounds: int) -> "Race":
        """The first way is the other one's; ours are warmed up. Every round begins elsewhere."""
        names = list(self.ways)
        self.seconds = {name: [] for name in names}
        for name in names[1:]:
            self.ways[name](0)
        for number in range(1, rounds + 1):
            turn = number % len(names)
            for name in [*names[turn:], *names[:turn]]:
                self.seconds[name].append(self.ways[name](number))
        return self

    def lines(self) -> list[str]:
        lines = ["| one step of | by | seconds | ours is faster by | goal |", "|---" * 5 + "|"]
        theirs = next(iter(self.seconds.values()))
        for name, own in self.seconds.items():
            faster = "| " if own is theirs else f"{times(ratio(theirs, own))} | {self.goal:.0f}x "
            span = f"{median(own):.3f} [{min(own):.3f}, {max(own):.3f}]"
            lines.append(f"| {self.name} | {name} | {span} | {faster}|")
        lines += ["", *(f"- {w}: {', '.join(dict.fromkeys(own))}" for w, own in self.found.items())]
        return [*lines, f"- the same work: {'yes' if self.same_work else 'NO'}", ""]
