"""Compile a cluster into the rules kube-proxy would write on a node.

``restore_text`` is the text kube-proxy gives to iptables-restore, byte for byte; ``compile`` is the
node's ruleset afterwards, which :mod:`natc.text.writer` prints as iptables-save would.
"""

from natc.compile.compiler import compile, node_text, restore_text  # noqa: A004 - the command's name
from natc.compile.config import ProxyConfig
from natc.compile.config_file import read_config
from natc.compile.notes import open_questions
from natc.verb import callable_package

__all__ = ["ProxyConfig", "compile", "node_text", "open_questions", "read_config", "restore_text"]

callable_package(__name__, compile)
