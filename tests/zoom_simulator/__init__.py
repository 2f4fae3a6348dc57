"""A stand-in for Zoom: OAuth, the REST calls of a recording bot's backend, and signed events.

It is written from Zoom's documentation and from captures of its traffic, and shares no code with
the product that is tested against it, so that one misunderstanding cannot hide on both sides.
"""
