"""Packages that only some features need, and the command that installs those that are missing."""

import shlex
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement


def install_command(extra: str, *packages: str) -> str:
    """Return `pip install ...` for those packages of an extra that are missing or too old.

    With `packages`, for these of them only; where all are there, it names them all. It never names
    the extra itself: on the public index promptsearch is another project.

    >>> install_command("ray").partition(">")[0]
    "pip install 'ray"
    """
    requirements = [*_requirements(extra, packages)]
    missing = [each for each in requirements if not _is_met(each)]
    names = (f"{each.name}{each.specifier}" for each in missing or requirements)
    return shlex.join(["pip", "install", *names])


def missing_packages(extra: str) -> tuple[str, ...]:
    """Return the names of an extra's packages that are missing or too old."""
    return tuple(each.name for each in _requirements(extra, ()) if not _is_met(each))


def _requirements(extra: str, packages: tuple[str, ...]) -> Iterator[Requirement]:
    """Yield the requirements of an extra from the metadata of the installed promptsearch."""
    for line in requires("promptsearch") or ():
        requirement = Requirement(line)
        is_of_extra = requirement.marker and requirement.marker.evaluate({"extra": extra})
        if is_of_extra and (not packages or requirement.name in packages):
            yield requirement


def _is_met(requirement: Requirement) -> bool:
    try:
        installed = version(requirement.name)
    except PackageNotFoundError:
        return False
    return requirement.specifier.contains(installed, prereleases=True)
