"""Everything on one machine: Apache Kafka and PostgreSQL out of packages, and the services as separate processes.

`stack.start` brings it up and `stack.load` finds it again. Nothing here is needed where Kafka and PostgreSQL are run by
others: `KAFKA_BOOTSTRAP_SERVERS` and `DATABASE_URL` replace the embedded parts. Servers listen on 127.0.0.1 only.
"""
