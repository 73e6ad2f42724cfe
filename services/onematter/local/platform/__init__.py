"""A data-exchange platform (数据共享交换平台) that is made up: registers without a real person or enterprise in them.

It implements onematter.datashare.v1.ResolverService, as a real platform's adapter would, and is a process of its own:
`python -m onematter.local.platform`. What it does instead of answering, `switches` tells it.
"""
