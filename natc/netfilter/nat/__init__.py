"""Translation: what a NAT target asks for, what a new connection gets, and what that makes of packets.

* ``mapping.py``: the addresses and ports that a target allows, and which of them a hash chooses.
* ``choice.py``: what a new connection gets of these, so that no two replies are mistaken for each other.
* ``rewrite.py``: what a hook changes in a packet of a translated connection.
"""
