"""The engine: decode, rollup, measure, detect, and the stages made of them. Pure."""
