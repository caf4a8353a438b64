"""Bulk pre-labelling: a program that writes a prediction for every task of a project."""
