"""The study of Lucic et al. 2018, "Are GANs Created Equal?", on one machine or many."""
