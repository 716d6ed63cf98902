"""An Upload 2.0 index as a library; HTTP is one front of it."""
