"""Attributes that are replaced for a while are put back as they were."""

import pytest

from promptsearch.models.forward.patched import patched


class Thing:
    size = 1

    def __init__(self):
        self.name, self._shade = "thing", "red"

    @property
    def shade(self):
        return self._shade

    @shade.setter
    def shade(self, value):
        self._shade = value

    def forward(self):
        return "its class's"


def test_attributes_hold_while_it_is_open():
    thing, other = Thing(), Thing()
    with patched(thing, other, name="patched", size=2, forward=lambda: "ours"):
        for each in (thing, other):
            assert (each.name, each.size, each.forward()) == ("patched", 2, "ours")
    assert Thing.size == 1


def test_what_the_object_had_comes_back_and_its_class_shows_again():
    thing = Thing()
    before = dict(vars(thing))
    with patched(thing, name="patched", size=2, shade="blue", forward=lambda: "ours"):
        assert thing.shade == "blue"
    assert vars(thing) == before
    assert (thing.shade, thing.size, thing.forward()) == ("red", 1, "its class's")


def test_patches_are_nested():
    thing = Thing()
    with patched(thing, forward=lambda: "outer"):
        with patched(thing, forward=lambda: "inner"):
            assert thing.forward() == "inner"
        assert thing.forward() == "outer"
    assert "forward" not in vars(thing)


def test_an_error_inside_puts_all_back():
    thing = Thing()
    before = dict(vars(thing))
    with pytest.raises(KeyError), patched(thing, name="patched", size=2):
        raise KeyError
    assert vars(thing) == before


def test_an_attribute_that_is_not_there_is_an_error():
    thing = Thing()
    with pytest.raises(AttributeError), patched(thing, size=2, missing=1):
        pass
    assert thing.size == 1


def test_objects_that_set_each_other_get_their_own_values_back():
    """As transformers' configurations hand theirs on to those inside them."""

    class Outer(Thing):
        @property
        def shade(self):
            return self._shade

        @shade.setter
        def shade(self, value):
            self._shade = self.inner.shade = value

    outer, inner = Outer(), Thing()
    outer.inner, inner.shade = inner, "green"
    with patched(outer, inner, shade="blue"):
        assert (outer.shade, inner.shade) == ("blue", "blue")
    assert (outer.shade, inner.shade) == ("red", "green")
