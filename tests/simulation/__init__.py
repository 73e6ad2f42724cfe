"""Two deployments in a row, alone in memory: a log, a store, a seeded scheduler and an auditor of its own."""
