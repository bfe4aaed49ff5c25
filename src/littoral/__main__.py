"""``python -m littoral`` is ``littoral``, which begins here: Ctrl-C is heard while the rest is still loading."""


def main() -> None:
    """Run the command line (:func:`littoral.cli.main`)."""
    try:
        from littoral.cli import main as run

        run()
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
