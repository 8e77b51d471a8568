"""Kubernetes objects: read from manifests, completed as the control plane would."""
