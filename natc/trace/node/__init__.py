"""What a trace asks of the node: kinds of addresses, and where packets are routed.

* ``view.py``: the questions, and the answers without a node: both ways.
* ``host_node.py``: the answers of a node that is known; ``policy.py`` splits by what ``ip rule`` asks,
  ``reverse_filter.py`` by what rp_filter refuses.
* ``martians.py``: what every node refuses.
"""
