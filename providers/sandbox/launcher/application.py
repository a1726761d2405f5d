"""The WSGI application around moto: one request at a time, honest errors, faults."""

import hashlib
import http
import io
import json
import re
import threading
import time
import traceback
from urllib.parse import parse_qs

import cbor
from control import CONTROL

RPC_PATH = re.compile(r"^/service/([^/]+)/operation/([^/]+)$")
CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d+/[^/]*/([^/]+)/aws4_request")
ACCOUNT_KEY = re.compile(r"^\d{12}$")
XML_SERVICES = ("ec2", "s3", "route53", "cloudfront")
DEFAULT_ACCOUNT = "123456789012"


class Request:
    """What the wrapper needs to know about one request."""

    def __init__(self, environ):
        self.environ = environ
        self.method = environ.get("REQUEST_METHOD", "GET")
        self.path = environ.get("PATH_INFO", "")
        self.body = read_body(environ)
        self.rpc = RPC_PATH.match(self.path)
        credential = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
        key, self.service = credential.groups() if credential else ("", "")
        self.account = environ.get("HTTP_X_MOTO_ACCOUNT_ID") or DEFAULT_ACCOUNT
        if ACCOUNT_KEY.match(key):
            self.account = environ["HTTP_X_MOTO_ACCOUNT_ID"] = key
        self.operation = self.find_operation()

    def find_operation(self):
        """Returns the operation's name, or the method and path of a REST call."""
        if self.rpc:
            return self.rpc.group(2)
        target = self.environ.get("HTTP_X_AMZ_TARGET")
        if target:
            return target.split(".")[-1]
        action = re.search(rb"(?:^|&)Action=(\w+)", self.body)
        return action.group(1).decode() if action else f"{self.method} {self.path}"

    def set_body(self, body):
        """Gives moto another body to read."""
        self.body = body
        self.environ["wsgi.input"] = io.BytesIO(body)
        self.environ["CONTENT_LENGTH"] = str(len(body))

    def translate_rpc(self):
        """Turns an RPC-v2 CBOR request into the JSON request that moto knows."""
        self.environ.update(
            PATH_INFO="/",
            CONTENT_TYPE="application/x-amz-json-1.0",
            HTTP_X_AMZ_TARGET=f"{self.rpc.group(1)}.{self.operation}",
        )
        self.set_body(json.dumps(cbor.decode(self.body)).encode())

    def token(self):
        """Returns the key and fingerprint of an EC2 request that carries a client token."""
        if self.service != "ec2" or b"ClientToken=" not in self.body:
            return None, None
        token = parse_qs(self.body.decode("utf-8", "replace")).get("ClientToken")
        if not token:
            return None, None
        region = self.environ["HTTP_AUTHORIZATION"].split("/")[2]
        return (self.account, region, self.operation, token[0]), hashlib.sha256(self.body).digest()


class Reply:
    """A finished answer."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def code(self):
        """Returns the status as a number."""
        return int(self.status.split()[0])

    def send(self, start_response):
        """Hands the answer to the server."""
        start_response(self.status, self.headers)
        return [self.body]


def read_body(environ):
    """Reads the whole body, so that nobody waits for it while holding the lock."""
    stream = environ["wsgi.input"]
    length = int(environ.get("CONTENT_LENGTH") or 0)
    chunked = environ.pop("HTTP_TRANSFER_ENCODING", None)
    body = stream.read(length) if length else (stream.read() if chunked else b"")
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
    return body


def json_reply(code, value):
    """Returns a reply of ours, not of AWS."""
    body = json.dumps(value).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    return Reply(f"{code} {http.HTTPStatus(code).phrase}", headers, body)


def error_reply(request, status, code, message):
    """Returns an error in the protocol that the caller speaks."""
    content_type = request.environ.get("CONTENT_TYPE", "")
    headers = [("x-amzn-errortype", code), ("x-amzn-requestid", "sandbox")]
    if request.rpc:
        body = cbor.encode({"__type": code, "message": message})
        kind = "application/cbor"
        headers.append(("smithy-protocol", "rpc-v2-cbor"))
    elif "x-www-form-urlencoded" in content_type or request.service in XML_SERVICES:
        body, kind = error_xml(request.service, code, message), "text/xml"
    else:
        body = json.dumps({"__type": code, "message": message}).encode()
        kind = "application/json"
    headers += [("Content-Type", kind), ("Content-Length", str(len(body)))]
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = "Error"
    return Reply(f"{status} {phrase}", headers, body)


def error_xml(service, code, message):
    """Returns an error document as the XML services write it."""
    message = message.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    error = f"<Error><Code>{code}</Code><Message>{message}</Message>"
    if service == "s3":
        text = f"{error}<RequestId>sandbox</RequestId></Error>"
    elif service == "ec2":
        text = f"<Response><Errors>{error}</Error></Errors><RequestID>sandbox</RequestID></Response>"
    else:
        text = f"<ErrorResponse>{error}</Error><RequestId>sandbox</RequestId></ErrorResponse>"
    return b'<?xml version="1.0" encoding="UTF-8"?>' + text.encode()


class Application:
    """Answers `/_test/...` itself and everything else through moto."""

    def __init__(self):
        # moto is not thread safe; nothing of it runs without this lock.
        self.lock = threading.RLock()
        self.moto = None
        self.cloudwatch = None
        self.tokens = {}

    def load(self):
        """Imports moto, patches it, and loads EC2, whose first use is slow."""
        import patch_ec2
        import patch_ecs
        import patch_elbv2
        import patch_iam
        import patch_rds
        from moto.core.config import default_user_config
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        for patches in (patch_ec2, patch_elbv2, patch_ecs, patch_rds, patch_iam):
            patches.apply()
        default_user_config["lambda"]["use_docker"] = False
        default_user_config["batch"]["use_docker"] = False
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.moto.app_instances["ec2"] = create_backend_app("ec2")

    def __call__(self, environ, start_response):
        request = Request(environ)
        if request.path.startswith("/_test/"):
            reply = json_reply(*CONTROL.answer(request.method, request.path, request.body))
        elif request.path == "/moto-api/reset" and request.method == "POST":
            reply = self.reset(request)
        else:
            reply = self.answer(request)
        return reply.send(start_response)

    def reset(self, request):
        """Empties everything, and takes a new identity so that nobody is misled."""
        with self.lock:
            reply = self.ask_moto(request)
            if reply.code != 200:
                return reply
            self.tokens.clear()
            CONTROL.clear()
            CONTROL.write_identity_file()
            return json_reply(200, {"status": "ok", "identity": CONTROL.identity})

    def answer(self, request):
        """Answers an AWS request, with the faults that a test has asked for."""
        fault = CONTROL.take_fault(request.operation, request.account)
        if fault:
            time.sleep(fault["delay"])
            if fault.get("code") and not fault.get("after"):
                CONTROL.record(request.account, request.operation, fault["status"])
                return error_reply(request, fault["status"], fault["code"], "injected fault")
        if request.rpc:
            request.translate_rpc()
        with self.lock:
            reply = self.ask_once(request)
        CONTROL.record(request.account, request.operation, reply.code)
        if fault and fault.get("code"):  # The work is done; the reply is lost.
            return error_reply(request, fault["status"], fault["code"], "injected fault after the work")
        if request.rpc and reply.headers and reply.code != 501:
            return self.rpc_reply(request, reply)
        return reply

    def ask_once(self, request):
        """Asks moto, but answers a repeated EC2 client token from memory, as AWS does."""
        key, fingerprint = request.token()
        if key in self.tokens:
            known, reply = self.tokens[key]
            if known == fingerprint:
                return reply
            return error_reply(
                request, 400, "IdempotentParameterMismatch", "The client token was used with other parameters."
            )
        reply = self.ask_moto(request)
        if key is not None and reply.code == 200:
            self.tokens[key] = (fingerprint, reply)
        return reply

    def ask_moto(self, request):
        """Passes a request to moto; what moto lacks is said as an AWS error."""
        started = {}

        def start(status, headers, _exception=None):
            started.update(status=status, headers=headers)

        try:
            pieces = self.moto(request.environ, start)
            body = b"".join(pieces)
            getattr(pieces, "close", lambda: None)()
        except Exception as error:
            # For an unknown service moto fails on the missing backend.
            unknown_service = "has no attribute 'replace'" in str(error)
            message = f"moto: {request.operation}: {error!r}"
            if unknown_service or isinstance(error, (NotImplementedError, ModuleNotFoundError)):
                return error_reply(request, 501, "NotImplemented", message)
            traceback.print_exc()
            return error_reply(request, 500, "MotoCrash", message)
        reply = Reply(started["status"], started["headers"], body)
        html = any(
            name.lower() == "content-type" and value.startswith("text/html") for name, value in reply.headers
        )
        if html and reply.code == 404 and b"<title>404 Not Found" in body:
            return error_reply(request, 501, "NotImplemented", f"moto: {request.operation}: no such route")
        return reply

    def rpc_reply(self, request, reply):
        """Turns moto's JSON answer into RPC-v2 CBOR."""
        if any(name == "smithy-protocol" for name, _ in reply.headers):
            return reply
        if self.cloudwatch is None:
            import botocore.session

            self.cloudwatch = botocore.session.get_session().get_service_model("cloudwatch")
        shape = None
        if reply.code < 300:
            shape = self.cloudwatch.operation_model(request.operation).output_shape
        body = cbor.encode(json.loads(reply.body or b"{}"), shape)
        headers = [
            ("Content-Type", "application/cbor"),
            ("smithy-protocol", "rpc-v2-cbor"),
            ("Content-Length", str(len(body))),
        ]
        return Reply(reply.status, headers, body)
