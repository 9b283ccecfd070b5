from promptsearch.searchers.generate.search import GenerateSearch as GenerateSearch
