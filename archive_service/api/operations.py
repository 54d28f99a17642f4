"""For operators: is it alive, can it take deposits, what are its figures."""

from __future__ import annotations

import datetime as dt
import time
from http import HTTPStatus
from threading import Lock

from flask import Blueprint, Flask, Request, Response, g, jsonify, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from archive_service.api.identity import caller
from archive_service.errors import ArchiveError
from archive_service.lifecycle.diagnose import DISPOSAL_LASTS, Diagnosis, check_components
from archive_service.lifecycle.log.sealed import publication
from archive_service.model.archive import Archive
from archive_service.model.jobs import JobKind, JobState
from archive_service.model.permissions import Action, require
from archive_service.model.ports import ProofResult

# Without these no deposit can be taken; without the others nothing is lost.
_NEEDED = frozenset({"register", "store"})


class Metrics:
    """The service's figures, without personal data: routes are patterns, never addresses."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "archive_http_requests_total",
            "Requests answered.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "archive_http_request_seconds", "Time to answer.", ("route", "method"), registry=self.registry
        )
        self.jobs = Gauge("archive_jobs", "Follow-up work.", ("kind", "state"), registry=self.registry)
        self.log_entries = Gauge("archive_log_entries", "Entries of the log.", registry=self.registry)
        self.published = Gauge(
            "archive_log_published_entries", "Entries in a published checkpoint.", registry=self.registry
        )
        self.unpublished = Gauge(
            "archive_log_oldest_unpublished_seconds",
            "Age of the oldest entry outside a published checkpoint; 0 for none. Receipts promise a limit to it.",
            registry=self.registry,
        )
        self.owed = Gauge(
            "archive_timestamps_owed", "Time-stamps not given yet.", ("authority",), registry=self.registry
        )
        self.stamped_at = Gauge(
            "archive_timestamp_last_unixtime", "Time of the newest time-stamp.", ("authority",), registry=self.registry
        )
        self.stuck_disposals = Gauge(
            "archive_disposal_stuck_records",
            "Records whose deletion began more than a day ago and that are not gone.",
            registry=self.registry,
        )
        self.register_up = Gauge("archive_register_up", "Whether the register answers.", registry=self.registry)

    def look(self, archive: Archive) -> None:
        """Bring the gauges up to date; a register that is down is itself a figure."""
        try:
            counts, log, states, stuck = archive.register.read(
                lambda unit: (
                    unit.jobs.counts(),
                    publication(unit, archive.signer.origin),
                    unit.timestamps.states(),
                    unit.disposals.begun_before(archive.clock.now() - DISPOSAL_LASTS),
                )
            )
        except ArchiveError:
            self.register_up.set(0)
            return
        self.register_up.set(1)
        self.stuck_disposals.set(stuck)
        self.log_entries.set(log.entries)
        self.published.set(log.published)
        waits = archive.clock.now() - log.waits_since if log.waits_since is not None else dt.timedelta()
        self.unpublished.set(max(0.0, waits.total_seconds()))
        for one in states:
            self.owed.labels(one.authority).set(one.owed)
            if one.last_stamped_at is not None:
                self.stamped_at.labels(one.authority).set(one.last_stamped_at.timestamp())
        for kind in JobKind:
            for state in JobState:
                self.jobs.labels(str(kind), str(state)).set(counts.get((kind, state), 0))


# A client may send any word as its method: what it makes up must become neither a figure nor a line of the log.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def method_of(asked: Request) -> str:
    """Return the request's method, or "other" for one that is none of HTTP's usual ones."""
    return asked.method if asked.method in _METHODS else "other"


def install_metrics(app: Flask) -> Metrics:
    """Let the app count and time every request."""
    metrics = Metrics()

    @app.before_request
    def begin() -> None:
        g.began = time.monotonic()

    @app.after_request
    def end(answer: Response) -> Response:
        route = str(request.url_rule) if request.url_rule else "(none)"
        metrics.requests.labels(route, method_of(request), str(answer.status_code)).inc()
        if "began" in g:
            metrics.seconds.labels(route, method_of(request)).observe(time.monotonic() - g.began)
        return answer

    return metrics


# Anybody may ask whether the service is ready, so asking must cost nothing: one look serves all who ask meanwhile.
_LOOK_SECONDS = 0.5
# Reading and recognising a trial PDF is the dearest look, and what it needs does not come and go.
_PDF_LOOK_SECONDS = 60.0


class Readiness:
    """What the components said last, asked again when that is too long ago."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._guard = Lock()
        self._said: dict[tuple[str, ...], tuple[float, tuple[Diagnosis, ...]]] = {}

    def look(self) -> tuple[Diagnosis, ...]:
        """Return what each component says."""
        with self._guard:
            return self._fresh(("register", "store", "index"), _LOOK_SECONDS) + self._fresh(("pdf",), _PDF_LOOK_SECONDS)

    def _fresh(self, names: tuple[str, ...], seconds: float) -> tuple[Diagnosis, ...]:
        at, said = self._said.get(names, (0.0, ()))
        # What was wrong may be mended by now: only good news is remembered for long.
        good = all(one.result is ProofResult.PASSED for one in said)
        if not said or time.monotonic() - at > (seconds if good else min(seconds, _LOOK_SECONDS)):
            said = check_components(self._archive, names)
            self._said[names] = (time.monotonic(), said)
        return said


def health_blueprint(archive: Archive) -> Blueprint:
    """Return the two endpoints that need no key."""
    blueprint = Blueprint("health", __name__)
    readiness = Readiness(archive)

    @blueprint.get("/health/live")
    def live() -> Response:
        return jsonify({"status": "ok"})

    @blueprint.get("/health/ready")
    def ready() -> tuple[Response, int]:
        found = readiness.look()
        takes = all(d.result is ProofResult.PASSED for d in found if d.name in _NEEDED)
        status = HTTPStatus.OK if takes else HTTPStatus.SERVICE_UNAVAILABLE
        # What exactly is wrong is for those with a key on the host: doctor tells it.
        parts = {d.name: "ok" if d.result is ProofResult.PASSED else "not ready" for d in found}
        return jsonify({"status": "ok" if takes else "not ready", "components": parts}), status

    return blueprint


def metrics_blueprint(archive: Archive, metrics: Metrics) -> Blueprint:
    """Return /metrics."""
    blueprint = Blueprint("metrics", __name__)

    @blueprint.get("/metrics")
    def show() -> Response:
        require(caller(), Action.READ_METRICS)
        metrics.look(archive)
        return Response(generate_latest(metrics.registry), content_type=CONTENT_TYPE_LATEST)

    return blueprint
