"""What everybody who speaks with onematter shares: topics, keys, record headers, connection settings, aggregate types.

Standard library and the generated contracts only, so that the client's dependencies stay its own.
"""
