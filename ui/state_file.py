"""The state as one file, on the page Settings: written, downloaded, looked at, brought in."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

import streamlit as st
from sqlalchemy.exc import SQLAlchemyError

from pipeline import snapshot
from pipeline.archive import Manifest, Progress
from pipeline.settings import settings
from ui import ages, components, frame, readings, resources, state
from ui.plain import plain

FOLDER = "exports"  # in the state folder; the newest few wait there to be downloaded
_KEPT = 3
_STEP = 0.02  # of a progress bar: thousands of files are not worth thousands of messages
MOST_MB = 2_000  # of an upload, which the page's server holds in memory
_REFUSED = (ValueError, OSError, SQLAlchemyError)


def draw() -> None:
    """The card: out, and in. A fragment: nothing else waits for a file."""
    st.fragment(_card)()


def _card() -> None:
    with st.container(border=True, key="settings-file", gap="small"):
        st.markdown("**The whole state as one file**")
        components.quiet(
            "Prepare a situation at home and go on from it on stage: the events, what each "
            "airline knows and knew, clock and intervals. No key is in it. It fits the same "
            "embedder and the same version of the program."
        )
        _out()
        _in()


def _out() -> None:
    world = resources.pulse().world()
    whole = sum(one["bytes"] or 0 for one in readings.sizes(world.epoch).values())
    if st.button("Write the file", key="export", help=f"About {ages.bytes_(whole)}, then packed"):
        _write()
    written: tuple[Path, Manifest] | None = state.get(state.EXPORTED)
    if written is None or not written[0].exists():
        return
    path, manifest = written
    st.download_button(
        f"Download it, {ages.bytes_(path.stat().st_size)}",
        path.read_bytes,
        _name(manifest),
        "application/zip",
        key="export-download",
        icon=":material/download:",
        on_click="ignore",
    )
    components.quiet(_held(manifest))


def _write() -> None:
    folder = settings().airline_home / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{uuid.uuid4()}.zip"
    try:
        manifest = snapshot.save(settings(), path, _bar())
    except _REFUSED as failed:
        st.error(f"✕ No file was written: {plain(str(failed))}")
        return
    state.put(state.EXPORTED, (path, manifest))
    for old in sorted(folder.glob("*.zip"), key=lambda one: one.stat().st_mtime)[:-_KEPT]:
        old.unlink(missing_ok=True)


def _in() -> None:
    uploaded = st.file_uploader(
        "Go on from a file",
        "zip",
        key=f"{state.IMPORTED}-{state.get(state.IMPORTED)}",
        max_upload_size=MOST_MB,
    )
    if uploaded is None:
        return
    try:
        manifest = snapshot.look(settings(), uploaded)
    except _REFUSED as bad:
        st.error(f"✕ This file cannot be brought in: {plain(str(bad))}. Nothing was changed.")
        return
    components.quiet(_held(manifest))
    sure = st.checkbox("Replace this day, for everybody", key=state.SURE_IMPORT)
    if st.button("Go on from it", key="import", type="primary", disabled=not sure):
        _bring_in(uploaded, manifest)


def _bring_in(uploaded: Any, manifest: Manifest) -> None:
    try:
        snapshot.restore(settings(), uploaded, _bar())
    except _REFUSED as bad:
        st.error(f"✕ Not brought in: {plain(str(bad))}. Everything is as it was.")
        return
    resources.pulse().forget()
    resources.hindsight.clear()
    state.forget_the_day()
    state.put(state.EXPORTED, None)
    state.put(state.IMPORTED, state.get(state.IMPORTED) + 1)  # another box, with no file in it
    state.notify(f"It is {_hour(manifest)} again, as when the file was written.")
    st.rerun()


def _bar() -> Progress:
    """A progress bar that says what is done."""
    bar, shown = st.progress(0.0, "Beginning"), ("", 0.0)

    def show(what: str, share: float) -> None:
        nonlocal shown
        if what != shown[0] or share - shown[1] >= _STEP:
            shown = what, share
            bar.progress(min(1.0, share), what.capitalize())

    return show


def _held(manifest: Manifest) -> str:
    events, runs = manifest.counts.events, manifest.counts.runs
    return plain(
        f"{manifest.world}, {_hour(manifest)} airline time, {events:,} event{_s(events)}, "
        f"{runs:,} batch run{_s(runs)}; written {ages.wall(time.time() - manifest.made_at)} ago; "
        f"{ages.bytes_(manifest.size)} unpacked"
    )


def _s(number: int) -> str:
    return "" if number == 1 else "s"


def _hour(manifest: Manifest) -> str:
    zone = frame.zone_of(resources.pulse().world())
    return ages.clock(manifest.airline_time, zone)


def _name(manifest: Manifest) -> str:
    zone = frame.zone_of(resources.pulse().world())
    return f"airline-{manifest.airline_time.astimezone(zone):%Y-%m-%d-%H%M}.zip"
