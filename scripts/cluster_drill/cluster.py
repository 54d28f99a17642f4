"""Three Elasticsearch nodes on the loopback address that make one cluster; each can be killed and started again.

Everything lies in one folder, and nothing outlives `Cluster.end`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from test_servers import machine
from test_servers.fetch import cache_folder, fetch_elasticsearch, fetch_java
from test_servers.machine import Commands

NODES = 3
HEAP = "-Xms512m -Xmx512m"

# Three Java machines that start at once on two cores.
UP_WITHIN_SECONDS = 240
GREEN_WITHIN_SECONDS = 120


@dataclass
class Node:
    """One node: where it is unpacked, where it answers, and its process while there is one."""

    name: str
    home: Path
    http_port: int
    transport_port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


@dataclass
class Cluster:
    """The nodes, and what they are asked directly, past the archive."""

    folder: Path
    commands: Commands = field(default_factory=Commands)
    nodes: list[Node] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Unpack and write down each node; none is started."""
        archive = fetch_elasticsearch(cache_folder(), self.commands)
        self.java = fetch_java(self.commands)
        self.owner = machine.service_user()
        ports = machine.free_ports(2 * NODES)
        for number in range(NODES):
            name = f"node-{number + 1}"
            with zipfile.ZipFile(archive) as packed:
                packed.extractall(self.folder / name)
            home = next((self.folder / name).glob("elasticsearch-*"))
            self.nodes.append(Node(name, home, ports[2 * number], ports[2 * number + 1]))
        for node in self.nodes:
            self._write_settings(node)
        if self.owner is not None:
            self.commands.run(["chown", "--recursive", f"{self.owner.pw_uid}:{self.owner.pw_gid}", self.folder])

    @property
    def url(self) -> str:
        """The archive's setting for this cluster: every node, and one copy of the index beside the original."""
        return f"http://{','.join(node.url.removeprefix('http://') for node in self.nodes)}?replicas=1"

    def start(self) -> None:
        """Start every node and wait until they are one cluster."""
        for node in self.nodes:
            self.start_node(node)
        self.wait_until(lambda: self.health()["number_of_nodes"] == NODES, "one cluster", UP_WITHIN_SECONDS)

    def start_node(self, node: Node) -> None:
        """Start a node that does not run."""
        with (node.home / "output.log").open("ab") as log:
            node.process = subprocess.Popen(
                [node.home / "bin" / "elasticsearch"],
                env={
                    **os.environ,
                    "HOME": str(self.folder),
                    "ES_JAVA_HOME": str(self.java),
                    "ES_JAVA_OPTS": HEAP,
                    "ES_TMPDIR": str(node.home / "tmp"),
                },
                cwd=node.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=self.owner.pw_uid if self.owner else None,
                group=self.owner.pw_gid if self.owner else None,
                extra_groups=[] if self.owner else None,
            )

    def kill(self, node: Node) -> None:
        """End a node at once, as a power cut does."""
        if node.process is not None:
            machine.kill_group(node.process.pid, signal.SIGKILL)
            node.process.wait()

    def end(self) -> None:
        """End every node that runs."""
        for node in self.nodes:
            if node.is_alive:
                self.kill(node)

    def health(self) -> dict[str, Any]:
        """Return the cluster's health as a living node sees it."""
        answer: dict[str, Any] = self._ask("/_cluster/health")
        return answer

    def wait_until_whole(self) -> None:
        """Wait until every node is there and every copy is complete."""

        def is_whole() -> bool:
            health = self.health()
            return bool(health["status"] == "green" and health["number_of_nodes"] == NODES)

        self.wait_until(is_whole, "green", UP_WITHIN_SECONDS)

    def master(self) -> Node:
        """Return the node that the others elected."""
        (row,) = self._ask("/_cat/master?format=json")
        return self._named(row["node"])

    def holder(self, index: str, *, original: bool) -> Node:
        """Return the node that holds the index's only shard, or its copy."""
        rows = self._ask(f"/_cat/shards/{index}*?format=json")
        kind = "p" if original else "r"
        (row,) = [row for row in rows if row["prirep"] == kind]
        return self._named(row["node"])

    def wait_until(self, probe: Callable[[], bool], what: str, seconds: float = GREEN_WITHIN_SECONDS) -> None:
        """Wait until the probe says yes; what the cluster cannot answer yet is no."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            try:
                if probe():
                    return
            except (httpx.HTTPError, KeyError, ValueError):
                pass
            if not any(node.is_alive for node in self.nodes):
                break
            time.sleep(0.5)
        raise SystemExit(f"cluster-drill: not within {seconds:.0f} s: {what}; see {self.folder}")

    def _ask(self, path: str) -> Any:
        living = next(node for node in self.nodes if node.is_alive)
        return httpx.get(f"{living.url}{path}", timeout=10).raise_for_status().json()

    def _named(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)

    def _write_settings(self, node: Node) -> None:
        settings = {
            "cluster.name": "archive-drill",
            "node.name": node.name,
            "network.host": "127.0.0.1",
            "http.port": node.http_port,
            "transport.port": node.transport_port,
            "discovery.seed_hosts": [f"127.0.0.1:{other.transport_port}" for other in self.nodes],
            "cluster.initial_master_nodes": [other.name for other in self.nodes],
            "xpack.security.enabled": False,
            "cluster.routing.allocation.disk.threshold_enabled": False,  # a full disk is not what is tried here
        }
        lines = [f"{name}: {json.dumps(value)}\n" for name, value in settings.items()]
        (node.home / "config" / "elasticsearch.yml").write_text("".join(lines))
        for program in (node.home / "bin").iterdir():
            program.chmod(0o755)  # a Python unzip drops it
        (node.home / "tmp").mkdir()
