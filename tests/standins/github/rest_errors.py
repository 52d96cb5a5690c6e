"""What the REST interface answers when it refuses."""

from collections.abc import Mapping, Sequence

_DOCS = "https://docs.github.com/rest"


class ApiError(Exception):
    """A refusal: status, message, and where GitHub gives them, a list of what is wrong."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        docs: str = "",
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        self.body: dict[str, object] = {"message": message, "documentation_url": _DOCS + docs, "status": str(status)}
        if errors:
            self.body["errors"] = [dict(error) for error in errors]


def not_found(docs: str = "") -> ApiError:
    """Nothing there, or nothing that the caller may see: GitHub does not tell which."""
    return ApiError(404, "Not Found", docs=docs)


def moved(method: str, location: str) -> ApiError:
    """The repository has another name now; what is no plain question keeps its method."""
    status, message = (301, "Moved Permanently") if method in ("GET", "HEAD") else (307, "Temporary Redirect")
    error = ApiError(status, message, docs="/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects")
    error.headers["Location"] = error.body["url"] = location
    return error


def blocked() -> ApiError:
    error = ApiError(451, "Repository access blocked")
    error.body["block"] = {"reason": "dmca", "html_url": "https://github.com/github/dmca"}
    return error


def bad_credentials() -> ApiError:
    return ApiError(401, "Bad credentials")


def sign_in_required(docs: str) -> ApiError:
    return ApiError(401, "Requires authentication", docs=docs)


def validation_failed(docs: str, **error: str) -> ApiError:
    return ApiError(422, "Validation Failed", docs=docs, errors=[error])


def not_supplied(docs: str, field: str) -> ApiError:
    return ApiError(422, f'Invalid request.\n\n"{field}" wasn\'t supplied.', docs=docs)


def bad_json(docs: str) -> ApiError:
    return ApiError(400, "Problems parsing JSON", docs=docs)
