"""The commands that measure: scores, ablations, speed, figures, and tables in the documents."""
