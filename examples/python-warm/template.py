#!/usr/bin/env python3
"""A service that is loaded once and forked for each client, who speaks JSON, a line for a request."""
# SPDX-License-Identifier: Apache-2.0
import json
import random
import sqlite3
import ssl
import sys

from ready import become_instance


def answer(database, request):
    rows = database.execute(request["sql"]).fetchall()
    return {"rows": rows, "tls": ssl.OPENSSL_VERSION, "random": random.random()}


def main():
    database = sqlite3.connect(":memory:")  # memory, and so each instance's own
    become_instance()
    for line in sys.stdin:
        try:
            result = answer(database, json.loads(line))
        except (ValueError, KeyError, sqlite3.Error) as error:
            result = {"error": str(error)}
        print(json.dumps(result), flush=True)


main()
