"""The report of a run: one HTML file, made from the run folder alone.

`writing` has the entry points. `record_reader` reads a run folder, complete or not, into the
classes of `records`. `reference_scores`, `episode_ends`, `time_spent`, `comparison` and `advice`
compute what the page shows; `videos` renders episodes. `arena.pages.figures` builds the plots and
`arena.pages.page` fills in the templates.
"""
