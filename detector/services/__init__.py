"""Joins the stages into the running pipelines, with every outside thing passed in."""
