"""What people see: pages, accounts, the named API and the command line; the one place where objects are wired."""

__version__ = "0.1.0"
