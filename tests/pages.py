"""Reading a page as a strict reader would: balanced elements, names, links, no outside."""

from html.parser import HTMLParser

VOID = {"meta", "br", "col", "link", "img", "input", "hr"}
OUTSIDE = ("src", "href", "xlink:href", "action", "data", "poster", "srcset")


class Page(HTMLParser):
    """The elements and the text of a page; `AssertionError` where they are not balanced."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.text, self.rules = [], [], "", ""
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        assert len(dict(attributes)) == len(attributes), f"an attribute twice: {tag}"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            self.rules += data
        else:
            self.text += data

    def named(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def ids(self):
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]


def checked(text):
    """The page, which needs nothing from outside, runs nothing, and leads nowhere in vain."""
    page = Page(text)
    names = {name for name, _ in page.elements}
    assert names.isdisjoint({"script", "link", "iframe", "object", "embed", "form", "base", "img"})
    assert len(page.ids) == len(set(page.ids))
    for name, attributes in page.elements:
        for key, value in attributes.items():
            assert not key.startswith("on"), f"{name} {key}"
            if key in OUTSIDE:
                assert value.startswith("#"), f"{name} {key}={value}"
                assert value[1:] in page.ids, f"{name} {key}={value}"
            if key == "style":
                assert "url(" not in value
            if key == "clip-path":
                assert value.removeprefix("url(#").removesuffix(")") in page.ids
            if key == "aria-labelledby":
                assert value in page.ids
    assert "url(" not in page.rules
    assert "@import" not in page.rules
    for figure in page.named("svg"):
        assert figure["role"] == "img"
        assert figure["aria-label"]
    assert [name for name, _ in page.elements].count("h1") == 1
    return page
