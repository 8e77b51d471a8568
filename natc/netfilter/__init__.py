"""What the kernel knows, in the kernel's words: rulesets, packets, nodes. No text, no Kubernetes."""
