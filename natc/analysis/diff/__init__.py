"""Two rulesets compared by what they do to packets."""
