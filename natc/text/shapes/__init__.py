"""The shapes of lines: a dump of 175,000 rules is written in some twenty.

* ``line_shape.py``: a shape, made of the ``blueprints.py`` that ``parsed.py`` takes from Lark's tree of a
  line.
* ``recognise.py``, ``runs.py``: recognising later lines of a shape, one by one or many at once.
* ``known.py``: the shapes met in a text; ``delivered.py`` those natc comes with (``make shapes``),
  ``cache.py`` those kept between runs.
"""
