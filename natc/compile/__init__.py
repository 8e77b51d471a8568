"""Cluster and proxy configuration to the rules kube-proxy would write."""
