"""natc's tests, laid out as natc is."""
