"""Archive (归档): every record of a matter as it was received, sealed under one root, with a case file and a receipt.

It observes all events, and the commands between services; it decides nothing about a matter.
"""
