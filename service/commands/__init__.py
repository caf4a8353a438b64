"""The commands on a release, by what they are about. `release` has what they share."""
