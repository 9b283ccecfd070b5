from promptsearch.searchers.joint.search import JointSearch as JointSearch
