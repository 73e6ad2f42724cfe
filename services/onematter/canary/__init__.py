"""Canary: hands a matter of the installation's own in, again and again, and sees it archived and proven (自检).

It has no rows and no topics, and calls the services as an integrator does.
"""
