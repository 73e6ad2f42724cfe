"""Notification (告知): tells the applicant that a matter is received, accepted or not, what is asked of them, how it
goes on, and its one result.

It observes the matter's events and decides nothing about a matter. Each notice reaches its channel exactly once in
effect: the channel knows it by its notice_id.
"""
