"""The one window (综合受理、综合出件): owns the Matter, from hand-in to the one result.

`core` decides and `fold` says what an event means. Both only find the handler, which stands in the module that keeps
the rules: `submitting` with `checks` and `plans`, `acceptance`, `hearing` with `concluding` and `results`, `ending`,
`sharing`, `trips`, `delivery` and `clock`; `desk` is what handlers are given. All of these are pure. `handlers` says
which message leads to which command, `store` holds the service's own tables, `servicer` is the gRPC door, with `views`
and `watching`, and `__main__` the wiring.
"""
