from promptsearch.searchers.mine.search import MiningSearch as MiningSearch
from promptsearch.searchers.mine.search import mine_tasks as mine_tasks
