"""From files on disk to a publishing session."""
