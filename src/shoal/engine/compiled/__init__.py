"""The compiled engine: the numbers of the reference engine, as fast as the processor allows.

A network comes to it as a table of whole numbers (`plan`), so that one compiled function serves all
networks: it takes a member from one event of its training to the next (`span`). Inside are a few
kernels that are compiled one by one and called by address (`library`); the products are the
innermost (`tile`, `product`). Only `stepper` is Python that runs in training.

Nothing here is imported before a shoal trains by this engine, because Numba takes its time.
"""
