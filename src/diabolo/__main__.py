"""`python -m diabolo` is `diabolo`."""

from diabolo.app.cli import main

main()
