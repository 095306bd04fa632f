"""The comparison of two runs: what is measured, whether it can be compared, the tests, the verdicts, the words."""
