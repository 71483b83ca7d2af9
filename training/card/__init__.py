"""The card of a version: Markdown and plots."""
