from promptsearch.searchers.lm_score.search import LMScoreSearch as LMScoreSearch
