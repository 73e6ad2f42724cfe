"""Supervision (监督): live indicators over the matters' events."""
