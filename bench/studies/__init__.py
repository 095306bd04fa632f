"""What is asked for: a study, the specification of each of its trials, and study files."""
