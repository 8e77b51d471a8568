"""The node that packets come to and leave from: its interfaces, addresses and routes.

* ``host.py``: what a node has. ``iproute.py`` reads routes and policy rules in the words of ``ip``,
  ``fib.py`` looks them up.
* ``routing.py``: what becomes of a packet that arrives; ``sending.py``: where one goes that the node sends.
* ``realms.py``: which realms a route gives its packets.
* ``own_addresses.py``, ``source6.py``: which of its addresses the node gives a packet.
* ``route_matches.py``, ``special_addresses.py``: what rules ask of routing, and addresses that mean something
  by themselves.

Reading what ``ip -j`` shows is in :mod:`natc.text.node.ip_json`.
"""
