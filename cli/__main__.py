"""`python -m cli` is `rollcall`."""

from cli.app import main

main()
