"""tessera serve | tune | models … | keys … | train …: the service and the training job as one command."""

import sys


def main() -> int:
    """Only what is asked for is imported: a service needs none of the libraries of training."""
    if sys.argv[1:2] == ["train"]:
        from training.__main__ import main as train

        return train(sys.argv[2:])
    from app.__main__ import main as serve

    return serve(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
