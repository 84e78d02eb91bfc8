"""From a request event to a finding: decode, rollup, detect, and the drivers that feed them."""
