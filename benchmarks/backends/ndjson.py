"""Writes a log as the events of DESIGN section 4, one JSON object a line, zstd."""

import json
from pathlib import Path

import numpy as np
from backends.arrivals import NOBODY
from backends.backend import START, Backend
from backends.requests import BACKEND, FATAL, OK, USER, Log

from detectors.state import zstd

RUN = 20_000


def write(log: Log, backend: Backend, path: Path, seed: int) -> int:
    """Write a log; returns how many records."""
    draw = np.random.default_rng(seed + 1)
    n = len(log.events)
    arrive = log.events.ts + draw.exponential(max(backend.disorder, 1e-9), n)
    late = draw.random(n) < backend.late
    arrive[late] += 60 + draw.exponential(120, int(late.sum()))
    order = np.argsort(arrive, kind="stable")
    again = np.flatnonzero(draw.random(n) < backend.doubled)
    if again.size:
        rows = np.concatenate((np.arange(n), again))
        when = np.concatenate((arrive, arrive[again] + draw.exponential(3.0, again.size)))
        order = rows[np.argsort(when, kind="stable")]
    heads = [_head(log, backend, number) for number in range(len(log.names.paths))]
    clients = [json.dumps({"name": name, "version": version})[:-1] for name, version in log.names.clients]
    calls = _calls(log, backend)
    first = np.searchsorted(log.event, np.arange(n + 1)).tolist()
    ts, code = log.events.ts.tolist(), np.round(log.code, 2).tolist()
    function, auth = np.round(log.function, 2).tolist(), np.round(log.auth, 2).tolist()
    of_path, of_client, tenant = (
        log.events.path.tolist(),
        log.events.client.tolist(),
        log.events.tenant.tolist(),
    )
    error, cold = log.error.tolist(), log.cold.tolist()
    types = [log.types[number] for number in log.error_type.tolist()]
    statuses = [_statuses(log, number) for number in range(len(log.names.paths))]
    with path.open("wb") as raw, zstd.ZstdFile(raw, "wb", level=1) as packed:
        for begin in range(0, len(order), RUN):
            lines = []
            for row in order[begin : begin + RUN].tolist():
                kind = of_path[row]
                line = [f'{{"ts":{START + ts[row]:.3f},"id":"{row:x}"{heads[kind]}']
                if of_client[row] != NOBODY and "client" not in backend.missing:
                    who = clients[of_client[row]]
                    line.append(
                        f',"client":{who},"tenant":"t-{tenant[row]:02d}"}}'
                        if tenant[row] >= 0
                        else f',"client":{who}}}'
                    )
                line.append(statuses[kind][error[row]])
                if error[row] == FATAL or types[row]:
                    line.append(f',"error_type":"{types[row] or "Error"}"')
                total = function[row] + auth[row] + 3
                line.append(
                    f',"ms":{{"total":{total:.2f},"function":{function[row]},"code":{code[row]},"auth":{auth[row]}}}'
                )
                if cold[row]:
                    line.append(',"cold_start":true')
                if "tables" not in backend.missing and first[row + 1] > first[row]:
                    line.append(',"tables":[' + ",".join(calls[first[row] : first[row + 1]]) + "]")
                line.append("}\n")
                lines.append("".join(line))
            packed.write("".join(lines).encode())
    return len(order)


def _head(log: Log, backend: Backend, number: int) -> str:
    path = log.names.paths[number]
    fields = {"cloud": backend.cloud, "account": path.account, "region": path.region, "service": path.service}
    fields |= {"route": path.route, "function": path.function}
    kept = {key: value for key, value in fields.items() if value and key not in backend.missing}
    return "," + json.dumps(kept, separators=(",", ":"))[1:-1]


def _statuses(log: Log, number: int) -> dict[int, str]:
    if not log.names.paths[number].route:  # nobody waits for an answer: the error class alone is known
        return {OK: "", USER: ',"error":"user"', BACKEND: ',"error":"backend"', FATAL: ',"error":"fatal"'}
    return {
        OK: ',"status":200',
        USER: ',"status":400',
        BACKEND: ',"status":500',
        FATAL: ',"status":502,"error":"fatal"',
    }


def _calls(log: Log, backend: Backend) -> list[str]:
    if "tables" in backend.missing:
        return []
    names = {
        (number, at): f'{{"name":"{call.table}","op":"{call.op}","ms":'
        for number, path in enumerate(log.names.paths)
        for at, call in enumerate(path.calls)
    }
    paths = log.events.path[log.event].tolist()
    found = []
    for kind, call, ms, rcu, wcu, why in zip(
        paths,
        log.call.tolist(),
        np.round(log.ms, 2).tolist(),
        np.round(log.rcu, 2).tolist(),
        np.round(log.wcu, 2).tolist(),
        log.throttle.tolist(),
        strict=True,
    ):
        text = f"{names[kind, call]}{ms}"
        if rcu:
            text += f',"rcu":{rcu:g}'
        if wcu:
            text += f',"wcu":{wcu:g}'
        found.append(text + (f',"throttled":"{log.reasons[why]}"}}' if why else "}"))
    return found
