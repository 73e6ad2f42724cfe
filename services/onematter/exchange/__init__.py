"""Data sharing (数据共享): fetches what the government holds, so that nobody is asked for it (免证办, 国务院令716 §7).

`core` decides what is asked, how often and until when, and what an answer means; it is pure, as is `breaker`. Calls
are made outside of the unit of work: `caller` takes what is due from the service's own table, asks the platform through
`platform`, and writes the answer to the service's own commands topic, so that an answer is a record like every other:
replayed, audited, and counted once however often the platform was called.
"""
