"""Connection tracking: the connections a node remembers, and what a packet is to them.

* ``tracker.py``: which connection a packet belongs to, and in what state that makes it. Begin here.
* ``connection.py``, ``zone.py``: a tracked connection as a value, and the zones that keep two of them apart.
* ``table.py``: the connections of a node by their tuples.
* ``datagrams.py``: what tracking looks at in a packet.
* ``tcp.py``, ``tcp_segment.py``, ``tcp_window.py``, ``sctp.py``: the states of protocols that have some;
  ``gre.py``: the calls of GRE.
* ``quick.py``: ordinary segments of an established connection in few steps.

Reading the text of ``conntrack -L`` is in :mod:`natc.text.node.conntrack`.
"""
