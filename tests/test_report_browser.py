"""A report in a real browser: it loads from the disk without a word on the console."""

import shutil
import subprocess

import pytest
from commanding import edits_in, run

pytest.importorskip("matplotlib", reason="a report needs matplotlib")
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
SWITCHES = ["--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0"]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    run("report", edits_in(folder), "-o", folder / "report.html")
    return folder / "report.html"


def browsed(page, *switches):
    """The document as the browser has it, and what it logged on the console."""
    own = f"--user-data-dir={page.parent / 'profile'}"
    words = [CHROMIUM, *SWITCHES, own, *switches, page.as_uri()]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_no_error_is_logged(report):
    dom, console = browsed(report, "--dump-dom")
    assert "Results by label" in dom
    assert dom.count("<svg") == report.read_text().count("<svg") > 2
    assert console == []


def test_errors_would_be_seen(report, tmp_path):
    """The page forbids what it does not need; a browser says so."""
    broken = tmp_path / "broken.html"
    image = '<img src="https://example.invalid/x.png"></main>'
    broken.write_text(report.read_text().replace("</main>", image))
    _, console = browsed(broken, "--dump-dom")
    assert any("Content Security Policy" in line for line in console)


def test_nothing_sticks_out_of_a_phone(report, tmp_path):
    """Measured in a frame of 390 pixels; what is wider scrolls inside its own box."""
    script = (
        "<script>const page = document.documentElement;"
        "parent.document.title = `over ${page.scrollWidth - page.clientWidth}`</script>"
    )
    free = report.read_text().replace("default-src &#x27;none&#x27;; ", "")  # to measure
    (tmp_path / "inner.html").write_text(free.replace("</body>", f"{script}</body>"))
    outer = tmp_path / "phone.html"
    outer.write_text('<title>?</title><iframe src="inner.html" width="390" height="900"></iframe>')
    dom, _ = browsed(outer, "--allow-file-access-from-files", "--dump-dom")
    assert "<title>over 0</title>" in dom
