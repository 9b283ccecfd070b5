from promptsearch.searchers.gradient.search import GradientSearch as GradientSearch
