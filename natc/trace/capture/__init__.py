"""Captures sent through a node, packet after packet.

* ``replaying.py``: a row for every packet. Begin here.
* ``capture_file.py``, ``frames.py``: from files to frames, from frames to packets.
* ``copies.py``, ``departures.py``: packets that were captured twice, and what they tell of nat's choices.
* ``repeats.py``, ``frame_kinds.py``, ``plain_rules.py``, ``streams.py``: packets that go the way of an
  earlier one of their flow, without walking it.
"""
