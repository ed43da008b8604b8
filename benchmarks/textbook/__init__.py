"""The systems of `make bench` as a textbook writes them in SimPy: one process for each request.

Each file is a whole model: a `simpy.Resource` for each station, `yield env.timeout` for what takes time, and one row of
a list for each request, with its device and the same instants that the engines record. They are the yardstick of
`make bench`, not a part of the simulator; a test holds them to the reference engine.
"""
