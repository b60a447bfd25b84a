#!/usr/bin/env python3
"""A bucket's three needs, signed by hand (SigV4) on the standard library alone.

    bucket.py create BUCKET            make it; one that is there already is fine
    bucket.py count BUCKET [PREFIX]    print "<objects> <bytes>" below the prefix
    bucket.py list BUCKET [PREFIX]     print the keys below the prefix

S3_ENDPOINT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION say where and who.
"""

import datetime
import hashlib
import hmac
import http.client
import os
import sys
import urllib.parse
import xml.etree.ElementTree

EMPTY = hashlib.sha256(b"").hexdigest()


def sign(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def request(method: str, path: str, query: dict[str, str]) -> tuple[int, bytes]:
    """One signed request without a body; returns the status and the answer's body."""
    endpoint = urllib.parse.urlsplit(os.environ["S3_ENDPOINT"])
    region = os.environ.get("AWS_REGION", "us-east-1")
    now = datetime.datetime.now(datetime.timezone.utc)
    moment, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    encoded = "&".join(
        f"{urllib.parse.quote(name, safe='')}={urllib.parse.quote(value, safe='')}" for name, value in sorted(query.items())
    )
    names = "host;x-amz-content-sha256;x-amz-date"
    headers = f"host:{endpoint.netloc}\nx-amz-content-sha256:{EMPTY}\nx-amz-date:{moment}\n"
    canonical = "\n".join([method, urllib.parse.quote(path), encoded, headers, names, EMPTY])
    scope = f"{day}/{region}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{os.environ['AWS_SECRET_ACCESS_KEY']}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = sign(key, part)
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    # Over TLS the roots are the system's, or those in SSL_CERT_FILE.
    connect = http.client.HTTPSConnection if endpoint.scheme == "https" else http.client.HTTPConnection
    connection = connect(endpoint.netloc, timeout=10)
    try:
        connection.request(
            method,
            urllib.parse.quote(path) + (f"?{encoded}" if encoded else ""),
            headers={
                "x-amz-date": moment,
                "x-amz-content-sha256": EMPTY,
                "Authorization": f"AWS4-HMAC-SHA256 Credential={os.environ['AWS_ACCESS_KEY_ID']}/{scope}, "
                f"SignedHeaders={names}, Signature={signature}",
            },
        )
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def create(bucket: str) -> None:
    status, body = request("PUT", f"/{bucket}", {})
    if status != 200 and b"BucketAlreadyOwnedByYou" not in body:
        sys.exit(f"cannot create bucket {bucket}: {status} {body.decode(errors='replace')}")


def objects(bucket: str, prefix: str):
    """Yields (key, bytes) of every object below the prefix, page by page."""
    token = ""
    while True:
        query = {"list-type": "2", "prefix": prefix} | ({"continuation-token": token} if token else {})
        status, body = request("GET", f"/{bucket}", query)
        if status != 200:
            sys.exit(f"cannot list bucket {bucket}: {status} {body.decode(errors='replace')}")
        page = xml.etree.ElementTree.fromstring(body)
        space = page.tag.partition("}")[0] + "}" if page.tag.startswith("{") else ""
        for entry in page.iter(f"{space}Contents"):
            yield entry.findtext(f"{space}Key", ""), int(entry.findtext(f"{space}Size", "0"))
        token = page.findtext(f"{space}NextContinuationToken", "")
        if page.findtext(f"{space}IsTruncated", "false") != "true":
            return


def main() -> None:
    verb, bucket, prefix = (sys.argv[1:] + ["", "", ""])[:3]
    if verb == "create" and bucket:
        create(bucket)
    elif verb == "count" and bucket:
        sizes = [size for _, size in objects(bucket, prefix)]
        print(len(sizes), sum(sizes))
    elif verb == "list" and bucket:
        for key, _ in objects(bucket, prefix):
            print(key)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
