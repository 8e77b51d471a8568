"""The walk inside the chains of one table: from the first rule to a verdict.

* ``walk.py``: first match first, jumps, goto, RETURN, policies. Begin here.
* ``program.py``: a ruleset made ready to be walked; ``index.py`` and ``lines_by_address.py`` leave rules out
  that cannot match.
* ``evaluate.py``: asking a condition of a state; ``effects.py``: what a target makes of it.
* ``lists.py``, ``endpoints.py``: rules in a row of a service, taken as one question or one step;
  ``endpoint_rows.py``, ``endpoint_chains.py`` and ``alike.py`` recognise what is written alike.
"""
