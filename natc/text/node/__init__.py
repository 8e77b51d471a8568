"""What a node shows besides its rules, read from text.

* ``bundle.py``, ``tarball.py``: the tar of ``natc collect``.
* ``ip_json.py``: ``ip -j``; ``conntrack.py``: ``conntrack -L``; ``recent.py``: lists of ``-m recent``;
  ``ipset.py``, ``ipset_elements.py``: ``ipset save``.
"""
