"""Tasks on other machines: their files travel there, and what they write comes back as it is written.

``node`` runs a task on a worker of a cluster, ``coordinator`` runs on the machine with the run folder, and the two
exchange ``messages`` over a channel.  Engines such as Dask and Ray, each a back end, decide what runs where and carry
messages.
"""
