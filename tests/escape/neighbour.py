"""What another task has going on in its sandbox, with a secret in every place where one could be read. Runs there."""

import os
import selectors
import socket

SECRET = os.environ["NEIGHBOUR_SECRET"].encode()

with open("/workspace/neighbour.secret", "wb") as file:
    file.write(SECRET)
tcp, abstract = socket.create_server(("127.0.0.1", 7777)), socket.socket(socket.AF_UNIX)
abstract.bind("\0errand-neighbour")
abstract.listen()
print("ready", flush=True)
with selectors.DefaultSelector() as selector:
    for one in (tcp, abstract):
        selector.register(one, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            line, _ = key.fileobj.accept()  # type: ignore[union-attr]
            line.sendall(SECRET)
            line.close()
