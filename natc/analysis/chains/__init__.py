"""The chains of a table, seen at once: those that are written alike stand on one sheet.

* ``sheets.py``, ``sheet.py``: a sheet for chains written alike, a row for the words of each; ``moulds.py``
  takes them from the text.
* ``forms.py``, ``odds.py``: where chains of nat send first packets, told from their words.
* ``proof.py``: what sheets show of a dump that nobody has read.
* ``graph.py``: what leads where, and from which hooks.
"""
