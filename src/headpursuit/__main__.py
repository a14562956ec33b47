"""`python -m headpursuit` is the command `headpursuit`."""

from headpursuit.cli.app import main

if __name__ == "__main__":
    main()
