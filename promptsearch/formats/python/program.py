"""A program put together: code that its prompts need, with their data."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version

from promptsearch.formats.export import ExportRequest
from promptsearch.formats.python import causal, code, masked, seq2seq
from promptsearch.formats.python import predict_code as predicting
from promptsearch.formats.python.conditional_lines import composed
from promptsearch.formats.python.conditions import flags_of
from promptsearch.formats.python.data_lines import (
    answers_lines,
    candidates_lines,
    ensemble_lines,
    expected_lines,
    reading_lines,
    single_lines,
)
from promptsearch.formats.python.expected_rows import Row
from promptsearch.formats.python.literals import listed, literal
from promptsearch.formats.python.members import Member
from promptsearch.formats.python.model_facts import Reading
from promptsearch.prompt import Verbalizer

AUTO = {
    "masked": "AutoModelForMaskedLM",
    "causal": "AutoModelForCausalLM",
    "seq2seq": "AutoModelForSeq2SeqLM",
}
SCORING = {"masked": masked.MASKED, "causal": causal.CAUSAL, "seq2seq": seq2seq.SEQ2SEQ}
LAST = "lm = None\n"


@dataclass(frozen=True)
class Program:
    """Prompts for one model; `candidates` names the file of facts' candidates, if there is one."""

    given: ExportRequest
    members: Sequence[Member]
    reading: Reading
    file: str
    candidates: str | None
    expected: Sequence[Row]

    @property
    def source(self) -> str:
        """The whole file."""
        predict = predicting.SINGLE if self.given.ensemble is None else predicting.ENSEMBLE
        scoring = SCORING[self.reading.info.family]
        scoring = masked.WORD if "one-token" in self._flags else scoring
        labels = [] if self.given.ensemble is None else [predicting.LABELS]
        read = [causal.READ] if "causal" in self._flags else []
        cut = [code.CUT] if "limited" in self._flags else []
        texts = [code.LOAD, *read, *cut, scoring, *labels, predict, code.MAIN]
        data = "".join(f"{line}\n" for line in self._data())
        return "\n\n".join([self._code(code.HEAD) + data + LAST, *map(self._code, texts)])

    def _code(self, text: str) -> str:
        return composed(text, self._flags, self._values)

    @cached_property
    def _flags(self) -> set[str]:
        beside = {"beside"} if self.candidates is not None else set()
        expected = {"expected"} if self.expected else set()
        return flags_of(self.given, self.members, self.reading) | beside | expected

    def _data(self) -> Iterator[str]:
        yield from reading_lines(self.reading, self.members)
        if self.given.ensemble is None:
            (member,) = self.members
            yield from single_lines(member, self.reading, [*self._answers()])
        else:
            yield from self._answers()
            names = [self._names[member.prompt.verbalizer] for member in self.members]
            yield from ensemble_lines(self.members, self.reading, names)
        yield from expected_lines(self.expected)

    @cached_property
    def _names(self) -> Mapping[Verbalizer, str]:
        """What each verbalizer is called in the program."""
        distinct = list(dict.fromkeys(member.prompt.verbalizer for member in self.members))
        if len(distinct) == 1:
            return {distinct[0]: "ANSWERS"}
        return {own: f"ANSWERS_{number}" for number, own in enumerate(distinct, 1)}

    def _answers(self) -> Iterator[str]:
        for verbalizer, name in self._names.items():
            if self.given.kind == "facts":
                yield from candidates_lines(verbalizer, self.candidates)
            else:
                yield from answers_lines(name, verbalizer, "several" in self._flags)

    @property
    def _values(self) -> Mapping[str, str]:
        """What stands in the code's gaps."""
        info, chat = self.reading.info, self.reading.chat
        tail, special = self.reading.tail, "" if chat is None else ", add_special_tokens=False"
        room = (info.max_tokens or 0) - (info.family == "causal" and not self.reading.lead)
        prior = "prior" in self._flags
        return {
            "title": _plain(self._title),
            "file": _plain(self.file),
            "version": version("promptsearch"),
            "fields": _plain(", ".join(f"{json.dumps(own)}: ..." for own in self.given.inputs)),
            "columns": listed(map(literal, self.given.inputs)),
            "auto": AUTO[info.family],
            "model": literal(self.reading.place),
            "limit": str(room),
            "special": special,
            "answered": ", answer" if info.family == "causal" else "",
            "rest": ", _" if "by-token" in self._flags else "",
            "without_end": f"[:-{tail}]" if tail else "",
            "tail": f" + {tail}" if tail else "",
            "lead": str(self.reading.lead),
            "begin": literal(self.reading.begin),
            "start": str(self.reading.start),
            "ahead": 'here + " "' if "spaced" in self._flags else "here",
            "prefixed": " - 1" if chat is not None and chat.prefix else "",
            "prior": ", prior" if prior else "",
            "given": ", PRIOR" if prior else "",
        }

    @property
    def _title(self) -> str:
        info, path = self.reading.info, self.given.file.path
        ids = ", ".join(member.id for member in self.members)
        what = f"prompt {ids}" if self.given.ensemble is None else f"the ensemble of {ids}"
        return f"{self.given.name}: {what} of {path.parent.name}/{path.name}, for {info.spec}."


def _plain(text: str) -> str:
    """As a docstring can hold it, whatever it says."""
    own = literal(text.encode(errors="replace").decode())[1:-1].replace('\\"', '"')
    return own.replace('"""', '\\"\\"\\"')
