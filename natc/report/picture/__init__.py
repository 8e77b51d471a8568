"""Pictures of an answer: a graph from hook to chains, targets and ends, drawn as Graphviz text or as HTML."""
