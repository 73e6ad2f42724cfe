"""The Helm chart, without a cluster: what it renders, and what it refuses."""
