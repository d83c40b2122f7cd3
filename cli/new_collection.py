"""A collection that enrolling would make: asked about where its name is nearly another one's."""

from difflib import get_close_matches

from cli.options import Run

_ALIKE = 0.75  # of difflib: one letter more, less or other in a name of four and more


def may_be_made(run: Run, *, yes: bool) -> bool:
    """Whether photos go into the collection that is named; asked where it is likely mistyped.

    Raises:
        SettingInvalid: it is, and nobody can answer.
    """
    name = run.settings.collection
    with run.catalogue() as catalogue:
        there = [each.name for each in catalogue.collections()]
    alike = [] if name in there else get_close_matches(name, there, cutoff=_ALIKE)
    if not alike:
        return True
    question = f"There is no collection {name!r}. Did you mean {alike[0]!r}? Make {name!r}, new?"
    return run.confirm(question, yes)
