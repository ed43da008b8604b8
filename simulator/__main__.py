"""``python -m simulator`` does what ``offload-sim`` does."""

from simulator.cli import main

main()
