"""Certificates: results checked again, independently of the search that made them."""
