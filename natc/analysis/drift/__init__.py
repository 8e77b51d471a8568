"""``natc verify``: the rules that kube-proxy should have written against those that a node has.

* ``verify.py``: the question. Begin here. ``node_facts.py`` finds kube-proxy's settings in its rules.
* ``written.py``, ``narrowed.py``, ``nearby.py``, ``proof.py``: both sides as text, and the part that has to
  become rules.
* ``differences.py``: where rules differ, chain by chain.
* ``findings.py``, ``balancing.py``, ``policies.py``, ``rules.py``, ``codes.py``: what that means for a
  service.
"""
