"""What is deployed: from a project's folder to a zip for Lambda. Its door is `build`."""

from ...errors import MissingExtraError

try:
    import packaging as packaging
except ImportError as error:
    raise MissingExtraError(
        "packaging isn't installed, which reads what distributions need: install the extra"
        " algernon[deploy], as algernon's README says",
        name="packaging",
    ) from error
