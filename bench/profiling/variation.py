"""The option that a profile varies, and the values that it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench import options, plugins
from bench.errors import OptionError, did_you_mean
from bench.studies.spec import Choice
from bench.values.texts import quoted

USUAL = "num_samples"
USUAL_VALUES = (1, 4, 16, 64)


@dataclass(frozen=True)
class Subject:
    """An algorithm to be profiled, and the options that it was given in brackets."""

    text: str
    choice: Choice
    given: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> Subject:
        """From a name or a file with options; raises UsageError if there is no such algorithm or option."""
        return cls(text, Choice.parse("algorithm", text), plugins.resolve("algorithm", text)[1])

    @property
    def name(self) -> str:
        """The algorithm's name with the options that differ from their defaults."""
        return self.choice.name

    def has(self, option: str) -> bool:
        """Whether it has an option of this name."""
        return option in options.names(self.choice.plugin.load().Options)


@dataclass(frozen=True)
class Variation:
    """An option of algorithms and the values to use in turn; ``is_asked`` unless it is the default variation."""

    name: str = USUAL
    values: tuple[object, ...] = USUAL_VALUES
    is_asked: bool = False

    @classmethod
    def parse(cls, by: object) -> Variation:
        """``"num_samples=1,4,16"``, ``{"num_samples": [1, 4, 16]}``, or None for the usual one.

        Raises OptionError for anything else.
        """
        if by is None:
            return cls()
        name: object = ""
        values: tuple[object, ...] = ()
        if isinstance(by, str):
            name, _, listed = by.partition("=")
            values = tuple(value.strip() for value in listed.split(",") if value.strip())
        elif isinstance(by, Mapping) and len(by) == 1:
            ((name, given),) = by.items()
            values = tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) else ()
        if not (isinstance(name, str) and name.strip() and values):
            raise OptionError(
                f"`by` must be an option and its values, such as num_samples=1,4,16,64 (got {quoted(by)})."
            )
        return cls(name.strip(), values, is_asked=True)

    def check(self, subjects: Sequence[Subject]) -> None:
        """Raise OptionError if it is asked for, and none of these algorithms has the option or accepts a value."""
        able = [subject for subject in subjects if subject.has(self.name)]
        if not self.is_asked:
            return
        if not able:
            known = {name for each in subjects for name in options.names(each.choice.plugin.load().Options)}
            names = ", ".join(subject.name for subject in subjects)
            raise OptionError(f"`by` names no option of {names}: {quoted(self.name)}.{did_you_mean(self.name, known)}")
        refusals = [self.settings(subject)[1] for subject in able]
        if all(len(each) == len(self.values) for each in refusals):
            raise OptionError(refusals[0][0])

    def settings(self, subject: Subject) -> tuple[dict[str, dict[str, object]], list[str]]:
        """The settings of an algorithm, by the value of the option as a text, and why other values are refused.

        An option given in brackets is kept unless the variation was requested explicitly; the text is empty for an
        algorithm without the option.
        """
        if not subject.has(self.name):
            return {"": {}}, []
        present = subject.choice.options()
        if self.name in subject.given and not self.is_asked:
            return {options.text(getattr(present, self.name)): {}}, []
        accepted: dict[str, dict[str, object]] = {}
        refusals = []
        for value in self.values:
            try:
                chosen = getattr(options.changed(present, {self.name: value}, subject.choice.plugin.name), self.name)
            except OptionError as error:
                refusals.append(str(error))
            else:
                accepted[options.text(chosen)] = {self.name: chosen}
        return accepted, refusals
