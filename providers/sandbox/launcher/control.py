"""What a test can ask of the sandbox: faults, settling times, a log, an identity."""

import json
import os
import re
import threading
import time
import uuid
from importlib import metadata

SETTLE_KINDS = ("rds", "ecs", "nat", "lb")


class Control:
    """The state behind `/_test/...`; shared by the server and the patches."""

    def __init__(self):
        self.lock = threading.Lock()
        self.started = time.time()
        self.moto_version = metadata.version("moto")
        self.identity_file = None
        self.port = None
        self.ready = False
        self.clear()

    def clear(self):
        """Forgets everything a test set, and takes a new identity."""
        with self.lock:
            self.identity = str(uuid.uuid4())
            self.faults = []
            self.log = []
            self.settle = {None: dict.fromkeys(SETTLE_KINDS, 0.0)}

    def describe(self):
        """Returns what identifies this server and its present contents."""
        return {
            "identity": self.identity,
            "port": self.port,
            "pid": os.getpid(),
            "started": self.started,
            "moto": self.moto_version,
            "ready": self.ready,
        }

    def write_identity_file(self):
        """Writes the port, process and identity for whoever looks for this server."""
        if self.identity_file is None:
            return
        temporary = f"{self.identity_file}.{os.getpid()}.new"
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(self.describe(), file)
        os.replace(temporary, self.identity_file)

    def seconds_to_settle(self, kind, account):
        """Returns how long a changed object of this kind stays in between."""
        with self.lock:
            common = self.settle[None][kind]
            return self.settle.get(account, {}).get(kind, common)

    def set_settle(self, request):
        """Sets settling times, for one account when the request names one."""
        account = request.pop("account", None)
        unknown = sorted(set(request) - set(SETTLE_KINDS))
        if unknown:
            raise ValueError(f"unknown kinds: {', '.join(unknown)}; there are {', '.join(SETTLE_KINDS)}")
        with self.lock:
            times = self.settle.setdefault(account, {})
            times.update({kind: float(seconds) for kind, seconds in request.items()})
            return {**self.settle[None], **times}

    def add_fault(self, request):
        """Adds a fault; without a request, removes them all."""
        with self.lock:
            if request is None:
                self.faults.clear()
                return []
            re.compile(request["match"])
            self.faults.append({"times": 1, "status": 500, "delay": 0, **request})
            return list(self.faults)

    def take_fault(self, operation, account):
        """Returns the fault this request must suffer, and counts it as used."""
        with self.lock:
            for fault in self.faults:
                wanted = fault.get("account")
                if (
                    fault["times"] > 0
                    and wanted in (None, account)
                    and re.search(fault["match"], operation)
                ):
                    fault["times"] -= 1
                    return dict(fault)
        return None

    def record(self, account, operation, outcome):
        """Remembers one request for the log."""
        with self.lock:
            self.log.append((account, operation, outcome))

    def take_log(self, request):
        """Returns and clears the requests seen, of one account when one is named."""
        account = (request or {}).get("account")
        with self.lock:
            taken = [entry for entry in self.log if account in (None, entry[0])]
            self.log = [] if account is None else [e for e in self.log if e[0] != account]
        return [(operation, outcome) for _, operation, outcome in taken]

    def stop_soon(self):
        """Ends this process, once the reply is on its way."""
        threading.Timer(0.05, os._exit, [0]).start()

    def answer(self, method, path, body):
        """Returns the status and the JSON value for a `/_test/...` request."""
        name = path.removeprefix("/_test/")
        try:
            request = json.loads(body) if body else None
            if name == "identity":
                return 200, self.describe()
            if method != "POST":
                return 405, {"error": f"{path} wants POST"}
            if name == "fault":
                return 200, self.add_fault(request)
            if name == "settle":
                return 200, self.set_settle(request or {})
            if name == "log":
                return 200, self.take_log(request)
            if name == "stop":
                self.stop_soon()
                return 200, self.describe()
        except (ValueError, KeyError, TypeError, AttributeError, re.error) as error:
            return 400, {"error": f"{path}: {error!r}"}
        return 404, {"error": f"{path} is not there; there are identity, fault, settle, log and stop"}


CONTROL = Control()
