"""Builds the default airline: the world folder and two replay days.

Not part of the running product: nothing imports it but its own test. Everything it writes is
committed, and the same code always writes the same bytes.

    python -m data.builder              # writes data/world and data/replay
    python -m data.builder --out DIR    # writes DIR/world and DIR/replay
"""
