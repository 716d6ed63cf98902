"""The words of PEP 694 and of the simple API: pure values, without I/O, clock or randomness."""
