"""The answer to a trace, from states that have arrived to words about them.

* ``outcome.py``: what can become of the packet, under which conditions, with which odds. Begin here.
* ``listing.py``: its branches one by one.
* ``cases.py``, ``cells.py``: pieces that may overlap, made into cases that exclude each other.
* ``wording.py``: conditions in words; ``masked.py``: sets that a mask with holes stands for.
* ``near_miss.py``, ``about.py``, ``asked.py``: rules that nearly matched.
"""
