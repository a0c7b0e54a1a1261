"""The report of a run: one HTML file for people, made from a run folder and nothing else.

`writing` is the way in. `records` reads a run folder as it is, whole or not; `references`,
`endings`, `time_spent` and `comparison` compute what is told; `figures` has the plots as plotly
takes them; `footage` the videos, in a process of their own; `page` puts it all into the templates.
"""
