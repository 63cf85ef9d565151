"""`python -m minigan`: the `minigan` command."""

from minigan.cli import main

raise SystemExit(main())
