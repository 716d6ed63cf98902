"""The stage file, and what is made of it: a choice of artifact, a verified download, an installation."""
