"""Connection tracking as the walk asks it.

* ``tracker.py``: the questions, and the answers where nothing but the question is known of connections.
* ``listed.py``: the answers of a trace that is given the node's connections.
* ``table.py``: the answers of a replay, in which every packet leaves something behind.
* ``redirected.py``: to which address REDIRECT sends what came by any interface.
"""
