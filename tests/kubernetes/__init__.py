"""The chart on a real cluster; see run."""
