"""The offline writer: composes answers from facts with phrase banks and a little grammar, without a model and without invented facts.

`grammar` reads a keyword, `phrases` draws and expands sentence templates, `subjects` knows what kind of subject it is, `naming`,
`ideas`, `article` and `pictures` compose one answer each. The banks are text files beside them.
"""
