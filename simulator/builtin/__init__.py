"""Stands for the built-in profiles and scenarios: setup.cfg fills this package with them when it makes a wheel."""
