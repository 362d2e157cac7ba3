"""The networks, and nothing but the networks."""
