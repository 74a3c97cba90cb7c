"""Chaos: runs whose Lambdas die everywhere, and a served stack that is killed, judged by what is left at the end."""
