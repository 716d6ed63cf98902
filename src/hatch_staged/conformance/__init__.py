"""The conformance suite, which tells whether a URL is an Upload 2.0 index (PEP 694).

It knows an index by its URL and tokens alone, and imports nothing else of this project: it is a reading of the PEP of
its own, so that a misunderstanding elsewhere cannot hide here.  `command` is how it is called, `checks` has one file
for each section of the PEP.
"""
