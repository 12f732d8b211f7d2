"""Measurements that anyone can run: each module prints what the docs claim."""
