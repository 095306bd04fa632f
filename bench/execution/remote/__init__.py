"""Tasks on other machines: their files travel there, and what they write comes back as it is written.

``node`` runs a task where a worker of a cluster is, ``home`` is where the run folder is, and both talk by ``post``.
Engines such as Dask and Ray, each a back end, decide what runs where and carry the messages.
"""
