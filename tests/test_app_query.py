"""The pages Query both worlds and Settings without a browser, on a real engine."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from sqlalchemy import select

from agent import llm
from agent.actions import guard
from pipeline import events, schema
from pipeline.settings import ROOT, Settings, settings
from tests import test_app
from tests.engines import Engine, wait
from tests.test_app_health import opened, said
from tests.test_app_past import drawn
from ui import in_use, query, resources, state, state_file
from ui.engine_link import EngineLink

POLICY = {"title": "As of today", "text": "No."}
QUERY, SETTINGS = "pages/5_Query_both_worlds.py", "pages/7_Settings.py"
engine = test_app.engine


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """What the server's warm-up imports is there before the first page runs beside it."""
    llm.warm()


def test_opens_with_an_example_on_which_both_agree(engine: Engine) -> None:
    assert engine.status()["events"] == 0
    page = opened(QUERY)
    assert len(page.dataframe) == 2
    assert "= Both worlds say the same" in said(page)


def test_a_query_in_the_address_shows_who_knows_of_an_event(engine: Engine) -> None:
    flights = schema.flights
    scheduled = select(flights).where(flights.c.status == "scheduled").limit(1)
    flight = engine.database.rows(scheduled)[0]
    subject = f"flight/{flight['flight_number']}/{flight['date']}"
    now = resources.pulse().world().clock.now()
    resources.door().fire(events.make("flight.cancelled", subject, {}, at=now))
    engine.settle()
    asked = f"SELECT doc_id, facts->>'status' AS status FROM context WHERE doc_id = '{subject}'"
    page = opened(QUERY, sql=asked)
    batch, stream = (one.value for one in page.dataframe)
    assert list(batch.iloc[0]) == ["≠ status", subject, "scheduled"]
    assert list(stream.iloc[0]) == ["≠ status", subject, "cancelled"]
    assert "≠ 1 of 1 rows differ" in said(page)


def test_every_example_runs(engine: Engine) -> None:
    assert engine.status()["ready"]
    page = opened(QUERY)
    for label, one in query.examples().items():
        page.pills(key=state.EXAMPLE).select(label).run()
        assert not page.exception
        assert not page.error, (label, [error.value for error in page.error])
        assert page.query_params[state.SQL] == one["sql"]
    assert "no lakehouse" in page.info[-1].value


def test_a_wrong_query_is_one_sentence_and_an_empty_one_teaches(engine: Engine) -> None:
    assert engine.status()["ready"]
    page = opened(QUERY, sql="COPY context TO 'x'")
    assert ["Only SELECT" in one.value for one in page.error] == [True]
    page.text_area[0].set_value(" ").run()
    assert "Write one SELECT" in page.info[0].value


def test_a_result_without_rows_says_what_to_do(engine: Engine) -> None:
    assert engine.status()["ready"]
    page = opened(QUERY, sql="SELECT doc_id FROM context WHERE kind = 'none'")
    assert [one.value for one in page.info] == [
        "No row. Fire an event on the Live page, and ask again."
    ] * 2


def test_of_results_that_are_cut_no_row_is_called_missing_in_the_other(engine: Engine) -> None:
    assert engine.status()["ready"]
    page = opened(QUERY, sql="SELECT doc_id FROM context ORDER BY doc_id")
    assert [list(one.value.columns) for one in page.dataframe] == [["doc_id"]] * 2
    assert "differ" not in said(page)
    assert "cut to the first" in said(page)


def test_the_record_is_not_called_an_airline_s_knowledge(engine: Engine) -> None:
    assert engine.status()["ready"]
    page = opened(QUERY, sql="SELECT count(*) AS n FROM record.flights")
    assert "the record itself" in said(page)
    assert "knows the world as of" not in said(page)


def test_a_file_that_the_page_writes_may_be_brought_in_again() -> None:
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert config["server"]["maxUploadSize"] >= state_file.MOST_MB


def test_the_model_is_tested_by_a_real_call(engine: Engine) -> None:
    assert engine.status()["ready"]
    page = opened(SETTINGS)
    page.button(key="test-model").click().run()
    assert not page.exception
    assert "spoke" in page.success[0].value


def test_switches_reach_the_record(engine: Engine) -> None:
    record = engine.database
    page = opened(SETTINGS)
    page.toggle(key=state.GUARD).set_value(False).run()
    assert guard(record) is False
    page.toggle(key=state.GUARD).set_value(True).run()
    assert guard(record) is True
    page.segmented_control(key=state.SETTINGS_PACE).select(5).run()
    assert record.get("clock")["factor"] == 720
    page.segmented_control(key=state.SETTINGS_INTERVAL).select(12.0).run()
    assert record.get("batch_interval_h") == 12.0


def test_a_source_system_gets_an_interval_of_its_own(engine: Engine) -> None:
    page = opened(SETTINGS)
    page.selectbox(key=state.SETTINGS_SOURCE).select("/crm").run()
    page.segmented_control(key=state.SETTINGS_OWN).select(24.0).run()
    assert not page.exception
    assert engine.database.get("batch_exceptions") == {"/crm": 24.0}
    [table] = drawn(page, "table")
    every = {row[0][0]["v"]: row[1][0] for row in table["rows"]}
    assert every["crm"] == {"v": "night", "c": "strong"}
    assert every["social"]["c"] == "quiet"
    other = opened(SETTINGS)
    assert other.segmented_control(key=state.SETTINGS_OWN).value == 0.0  # of flight-ops
    page.segmented_control(key=state.SETTINGS_OWN).select(0.0).run()
    assert engine.database.get("batch_exceptions") == {}


def test_big_type_is_in_the_address_and_goes_along(engine: Engine) -> None:
    assert engine.status()["ready"]
    page = opened(SETTINGS)
    page.toggle(key=state.BIG_SWITCH).set_value(True).run()
    assert page.query_params[state.BIG] == "1"
    page.toggle(key=state.BIG_SWITCH).set_value(False).run()
    assert state.BIG not in page.query_params
    assert opened(SETTINGS, big="1").toggle(key=state.BIG_SWITCH).value is True


def test_starting_over_wants_a_second_thought(engine: Engine) -> None:
    page = opened(SETTINGS)
    epoch = engine.database.get("epoch")
    assert page.button(key="settings-reset").disabled
    page.checkbox(key=state.SURE).check().run()
    page.button(key="settings-reset").click().run()
    assert not page.exception
    assert engine.database.get("epoch") == epoch + 1
    assert page.checkbox(key=state.SURE).value is False


def test_a_state_is_written_and_gone_on_from(engine: Engine) -> None:
    engine.json("reset")  # nothing happens but what is fired here
    now = resources.pulse().world().clock.now()
    resources.door().fire(events.make("policy.updated", "policy/refunds", POLICY, at=now))
    engine.settle()
    page = opened(SETTINGS)
    page.button(key="export").click().run()
    assert not page.error, page.error[0].value
    assert page.download_button[0].label.startswith("Download it, ")
    path, _ = page.session_state[state.EXPORTED]
    epoch = engine.database.get("epoch")
    resources.door().fire(events.make("policy.updated", "policy/pets", POLICY, at=now))
    assert engine.events() == 2

    page.file_uploader[0].set_value(("state.zip", b"no such file", "application/zip")).run()
    assert "cannot be brought in: it is no demo state" in page.error[0].value.replace("\\", "")
    page.file_uploader[0].set_value(("state.zip", path.read_bytes(), "application/zip")).run()
    assert not page.error, page.error[0].value
    assert "1 event," in said(page)
    assert page.button(key="import").disabled
    page.checkbox(key=state.SURE_IMPORT).check().run()
    page.button(key="import").click().run()
    assert not page.exception
    assert "again, as when the file was written" in page.toast[0].value
    assert engine.events() == 1
    assert engine.database.get("epoch") == epoch + 1
    engine.settle()


def test_without_an_engine_both_pages_say_what_to_do(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert engine.status()["ready"]
    monkeypatch.setenv("BROKER_PORT", "0")
    monkeypatch.setenv("WORLD", str(tmp_path / "nowhere"))
    link = EngineLink(Settings(airline_home=tmp_path / "home"))
    link.look()
    wait(lambda: link.look().error, test_app.SECONDS, "no error")
    monkeypatch.setattr(resources, "engine_link", lambda: link)
    for file in (QUERY, SETTINGS):
        page = opened(file)
        assert "The engine is not running" in page.error[0].value
        assert page.button[0].label == "Start the engine"
    link.close()


def test_no_secret_is_said() -> None:
    chosen = settings().model_copy(
        update={
            "database_url": "postgresql+psycopg://me:secret@host/airline",
            "lancedb_uri": "s3://bucket/folder?token=secret",
        }
    )
    words = str(in_use.parts(chosen))
    assert "secret" not in words
    assert "host/airline" in words
    assert "s3://bucket/folder" in words
