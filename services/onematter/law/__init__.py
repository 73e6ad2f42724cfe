"""The law as data and pure functions: matters, working days, statutory clocks, identifiers, divisions, rules.

Rule 1: nothing in this package reads a file, a socket, a clock or a random number; what it needs comes as an
argument. The YAML files under `data/` ship with the package and are read by
`onematter.backbone.catalogue_files`.
Rule 2: it imports the standard library and `cel` (Common Expression Language) only, and no other part of
onematter.
Rule 3: its objects are immutable. A running matter keeps the version of the catalogue that it began with.
"""
