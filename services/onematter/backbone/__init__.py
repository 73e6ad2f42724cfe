"""The shell that all services share: the unit of work, its database and broker, gRPC doors, metrics, configuration."""
