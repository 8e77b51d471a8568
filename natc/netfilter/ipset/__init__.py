"""ipset: the sets of a node, what is in them, and whether a packet is.

* ``members.py``: what a set consists of. There is no clock: members do not time out.
* ``probe.py``: what a set looks at in a packet.
* ``one_set.py``: one set, asked and changed.
* ``all_sets.py``: the sets of a node by name; forked with ``copy()``, which costs nothing until one of the
  two is changed.
* ``lookup.py``: how a rule asks them.

Reading and writing the text of ``ipset save`` is in :mod:`natc.text.node.ipset`.

Facts: net/netfilter/ipset/ of Linux 6.18, net/netfilter/xt_set.c; the man page ipset(8).
"""
