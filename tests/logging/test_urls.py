"""URLs in lines, whose credentials are masked wherever they stand."""

from __future__ import annotations

import io
import json
import logging
from contextlib import redirect_stderr
from urllib.parse import urlparse, urlsplit

import pytest
from algernon_logging import bind, lambda_logged

from .lines import logged_by

URLS = {
    "https://ada:3wTq@example.com/orders": "https://***@example.com/orders",
    "https://3wTq@example.com": "https://***@example.com",
    "https://:3wTq@example.com:8443/a@b": "https://***@example.com:8443/a@b",
    "https://ada:p@3wTq@example.com/": "https://***@example.com/",
    "https://ada:p%403wTq@example.com/": "https://***@example.com/",
    "postgresql+psycopg://ada:3w/Tq@db:5432/shop": "postgresql+psycopg://***@db:5432/shop",
    "redis://:3w#T?q@cache:6379/0": "redis://***@cache:6379/0",
    "amqp://a:3wTq@one,amqp://b:3wTq@two": "amqp://***@one,amqp://***@two",
    "mongodb+srv://ada:3wTq@db/?w=majority": "mongodb+srv://***@db/?w=majority",
    "http://ada:3wTq@[::1]:8080/": "http://***@[::1]:8080/",
    "https://a.com/?api_key=3wTq&page=2": "https://a.com/?api_key=***&page=2",
    "https://a.com/?page=2&access_token=3wTq#top": "https://a.com/?page=2&access_token=***#top",
    "https://a.com/?apikey=3wTq": "https://a.com/?apikey=***",
    "https://a.com/?key=3wTq": "https://a.com/?key=***",
    "https://a.com/cb?code=3wTq&state=x": "https://a.com/cb?code=***&state=x",
    "https://a.com/?api%5Fkey=3wTq": "https://a.com/?api%5Fkey=***",
    "https://a.com/?password=3w;Tq&n=1": "https://a.com/?password=***&n=1",
    "https://a.com/?password=3w'Tq&n=1": "https://a.com/?password=***&n=1",
    "https://a.com/?PIN=1234": "https://a.com/?PIN=***",
    "https://a.com/#id_token=3wTq&n=1": "https://a.com/#id_token=***&n=1",
    "https://a.com/;jsessionid=3wTq": "https://a.com/;jsessionid=***",
    "https://b.s3.amazonaws.com/k?X-Amz-Date=2026&X-Amz-Credential=3wTq%2F2026&X-Amz-Signature=3wTq"
    "&X-Amz-Security-Token=3wTq": "https://b.s3.amazonaws.com/k?X-Amz-Date=2026&X-Amz-Credential=***"
    "&X-Amz-Signature=***&X-Amz-Security-Token=***",
    "https://b.s3.amazonaws.com/k?AWSAccessKeyId=3wTq&Signature=3wTq&Expires=1": "https://"
    "b.s3.amazonaws.com/k?AWSAccessKeyId=***&Signature=***&Expires=1",
    "https://x.blob.core.windows.net/c?sv=2024&sig=3wTq": "https://x.blob.core.windows.net/c?sv=2024"
    "&sig=***",
    "jdbc:postgresql://db/shop?user=ada&password=3wTq": "jdbc:postgresql://db/shop?user=ada"
    "&password=***",
    "/orders?token=3wTq": "/orders?token=***",
    "Endpoint=sb://x/;SharedAccessKey=3wTq=;Path=a": "Endpoint=sb://x/;SharedAccessKey=***;Path=a",
}
HARMLESS = [
    "https://example.com:8080/a@b",
    "https://example.com?email=ada@example.com",
    "https://example.com/@scope/package?page=2&max_tokens=5",
    "http://[::1]:8080/a@b",
    "s3://bucket/folder/ada@example.com",
    "mailto:ada@example.com?subject=a",
    "a=1 and b = 2; c=3",
    "x?y:z@example",
    "://",
    "?=&=;=",
]


def lines(said: object, **fields: object) -> str:
    """Return a line in each form that says something, with a field, extra, exception and stack."""

    @lambda_logged
    def log() -> None:
        with bind(**fields):
            logging.getLogger("shop").info(said, extra=fields)

    with redirect_stderr(io.StringIO()) as stream:
        log()
    return stream.getvalue()


@pytest.mark.parametrize("around", ["%s", "GET %s HTTP/1.1", "('%s', 1)", '{"url": "%s"}', "<%s>"])
@pytest.mark.parametrize("url", URLS)
def test_messages_show_no_credential_of_a_url(url: str, around: str) -> None:
    """A message shows a URL without its credentials, and what stands around it."""
    said = (around % url) if "=" not in url.partition("://")[0] else url
    masked = (around % URLS[url]) if said != url else URLS[url]
    assert lines(said).removesuffix("\n").split("\t")[-1] == masked


@pytest.mark.parametrize("said", HARMLESS)
def test_what_is_no_credential_of_a_url_is_shown(said: str) -> None:
    """A port, an address of mail or an ordinary query stays as it is."""
    assert lines(said).removesuffix("\n").split("\t")[-1] == said


@pytest.mark.parametrize("log_format", ["Text", "JSON"])
@pytest.mark.parametrize("url", URLS)
def test_nothing_else_of_a_line_shows_a_credential_of_a_url(
    url: str, log_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor do arguments, fields, extra, keys, exceptions, their notes and causes, or stacks."""
    monkeypatch.setenv("AWS_LAMBDA_LOG_FORMAT", log_format)

    class Client:
        def __repr__(self) -> str:
            return f"Client({url})"

    @lambda_logged
    def log() -> None:
        error = ConnectionError(f"no answer from {url}")
        error.add_note(url)
        values = {"page": url, url: 1, "deep": [{"page": url}], "client": Client()}
        values |= {"split": urlsplit(url), "parsed": urlparse(url), "error": error}
        record = logging.LogRecord("shop", 20, "f", 1, "got %s", (url,), None)
        record.stack_info = f"Stack\n  {url}"
        record.exc_text = f"ValueError: {url}"
        logging.getLogger("shop").handle(record)
        with bind(**values):
            logging.getLogger("shop").info({"page": url}, extra=values)
            try:
                try:
                    raise error
                except ConnectionError as cause:
                    raise ValueError(url) from cause
            except ValueError:
                logging.getLogger("shop").exception("got %s and %r", url, urlsplit(url).geturl())

    with redirect_stderr(io.StringIO()) as stream:
        log()
    text = stream.getvalue()
    assert "***" in text
    for secret in ("3wTq", "3w/Tq", "3w#T", "3w;Tq", "3w'Tq", "1234"):
        assert secret not in text


def test_urls_in_fields_are_masked_as_json(json_lines: object) -> None:
    """A field of a URL is the URL, without its credentials."""
    url = "https://ada:3wTq@example.com/?api_key=3wTq"
    log = lambda_logged(logging.info)
    (line,) = logged_by(lambda: log("x", extra={"page": url, "split": urlsplit(url)}))
    masked = "https://***@example.com/?api_key=***"
    assert (line["page"], line["split"]) == (masked, masked)


LONG = {
    "marks": "?" * 50_000 + "=",
    "schemes": "a://" * 20_000,
    "password": "://a:" + "b" * 50_000,
    "ports": "://a:1" * 10_000,
    "parameters": "?a=" + "x;" * 30_000,
    "pairs": "=&" * 30_000,
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_no_text_takes_long(text: str) -> None:
    """Whatever a message holds, it is written in an end that comes."""
    assert json.dumps(text[:1000])[1:-1] in lines(text)
