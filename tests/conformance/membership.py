"""``python -m tests.conformance.membership add|remove DATA_DIR PROJECT USER``: what ``--grant`` and ``--revoke`` run."""
