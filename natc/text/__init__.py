"""iptables-save text to rulesets and back."""
