"""natc: Kubernetes Services to iptables rules, and packets through iptables rules, both exactly."""
