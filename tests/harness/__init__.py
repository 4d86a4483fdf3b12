"""A private broker, the agents and an operator's console: what the system tests are made of.

Everything here is usable outside of unittest as well. Start with `topology.Topology`.
"""
