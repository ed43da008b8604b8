"""Scenario and profiles become every number that an engine needs."""
