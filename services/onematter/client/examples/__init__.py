"""Examples that ship with the client; each runs as it stands against a stack that is up."""
