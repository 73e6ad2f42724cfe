"""The one window (综合受理、综合出件): owns the Matter, from hand-in to the one result.

`core` decides, with `checks` (what a hand-in must fulfil), `plans` (which items it leads to, and where) and
`fold` (what an event means); all four are pure. `handlers` says which message leads to which command, `store`
holds the service's own tables, `servicer` is the gRPC door, with `views` and `watching`, and `__main__` the wiring.
"""
