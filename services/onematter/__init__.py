"""onematter: one matter, every approval in parallel, one result, one receipt (最多跑一次)."""
