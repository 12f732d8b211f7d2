"""The commands of `thumbloop` by noun; `ui.cli` puts them together."""
