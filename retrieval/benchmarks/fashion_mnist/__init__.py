"""Fashion-MNIST: 70,000 grey pictures of clothes in ten classes, and what each method makes of it.

Source: Xiao, Rasul, Vollgraf: "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
Learning Algorithms", 2017.
"""
