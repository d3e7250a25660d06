"""Published corpora in the layouts they come in; each module says where to ask for one.

A reader opens a folder (`data.root`), names what is missing or wrong in one sentence, and gives a
`FolderCorpus`. It changes no file and caches nothing.
"""
