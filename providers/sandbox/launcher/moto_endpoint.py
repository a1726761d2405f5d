"""The sandbox: moto as a local AWS endpoint, made fit for an infrastructure engine.

    python moto_endpoint.py --port 5566

It answers one request at a time (moto is not thread safe), says 501 for what moto
lacks, speaks CloudWatch's newer protocol, and closes gaps in moto's behaviour that
would hide a wrong order of creates and deletes (see the `patch_*.py` files).

An access key id of twelve digits is the account that the request acts in.

What tests can ask for, all as JSON:

    GET  /_test/identity   who this server is; a reset or a restart changes it
    POST /_test/fault      {"match": "^CreateSubnet$", "times": 2, "code": "RequestLimitExceeded",
                            "status": 503, "delay": 0.1, "after": true, "account": "111111111111"}
                           without a body: no more faults
    POST /_test/settle     {"rds": 2.0, "ecs": 1.5, "nat": 1.0, "lb": 1.0, "account": "111111111111"}
    POST /_test/log        the (operation, status) pairs since the last call; {"account": "..."}
    POST /_test/stop       ends the server
    POST /moto-api/reset   empties everything, faults and settling times too
"""

import argparse
import json
import logging
import os
import socket
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# moto reads these while it is imported.
os.environ.pop("MOTO_ACCOUNT_ID", None)
for name, value in {
    "MOTO_ACM_VALIDATION_WAIT": "1",
    "MOTO_ALLOW_NONEXISTENT_REGION": "true",
    "MOTO_DISABLE_GLOBAL_CORS": "true",
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
}.items():
    os.environ.setdefault(name, value)

PORT_TAKEN = 98
FAILED_TO_LOAD = 70
BACKLOG = 256


def parse_arguments():
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="A local AWS endpoint for trying things out.")
    parser.add_argument("-p", "--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--identity-file", help="where to write the port, process and identity")
    parser.add_argument("--parent-pid", type=int, help="end when this parent process is gone")
    return parser.parse_args()


def listen(port):
    """Returns a listening socket on the loopback interface."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        print(f"cannot listen on 127.0.0.1:{port}: {error.strerror}", file=sys.stderr, flush=True)
        sys.exit(PORT_TAKEN)
    listener.listen(BACKLOG)
    return listener


def follow_parent(parent):
    """Ends this process soon after its parent has gone."""

    def watch():
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def load_in_background(application, control):
    """Loads moto while the server already listens; requests wait for the lock."""
    locked = threading.Event()

    def load():
        with application.lock:
            locked.set()
            try:
                application.load()
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
                os._exit(FAILED_TO_LOAD)
            control.ready = True

    threading.Thread(target=load, daemon=True).start()
    locked.wait()


def main():
    """Starts the server and stays with it."""
    arguments = parse_arguments()
    if arguments.parent_pid:
        follow_parent(arguments.parent_pid)
    listener = listen(arguments.port)

    from patching import PatchPointMoved, check_moto_version

    try:
        check_moto_version()
    except PatchPointMoved as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(FAILED_TO_LOAD)

    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import make_server

    from application import Application
    from control import CONTROL

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    CONTROL.port = listener.getsockname()[1]
    CONTROL.identity_file = arguments.identity_file

    application = Application()
    load_in_background(application, CONTROL)
    server = make_server(
        "127.0.0.1",
        CONTROL.port,
        application,
        threaded=True,
        request_handler=MotoRequestHandler,
        fd=listener.fileno(),
    )
    CONTROL.write_identity_file()
    announcement = {"port": CONTROL.port, "pid": os.getpid(), "identity": CONTROL.identity}
    print(json.dumps(announcement), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
