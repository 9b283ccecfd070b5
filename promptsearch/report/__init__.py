"""`promptsearch report`: what a search found, what it is worth and where it fails, on one page."""

from promptsearch.report.material import Examined, Material, ended
from promptsearch.report.page import page_of
from promptsearch.report.plots import check_installed
from promptsearch.report.trials import read_trials

__all__ = ["Examined", "Material", "check_installed", "ended", "page_of", "read_trials"]
