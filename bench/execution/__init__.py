"""Who runs trials: planning, workers, evaluation, progress and provenance."""
