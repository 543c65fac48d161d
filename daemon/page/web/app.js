// Puts the parts together: one connection for all that is shown, the table, up to four panels, the microphone.

import { Connection } from "./connection.js";
import { Microphone } from "./microphone.js";
import { Panel } from "./panel.js";
import { records } from "./records.js";
import { StreamTable } from "./streams.js";

const SLOTS = 4;
const FIGURES_MS = 250;
const STORE = "melstream.page";

const chip = document.getElementById("connection");
const paletteChoice = document.getElementById("palette");
const panelPlace = document.getElementById("panels");

function stored() {
  try {
    return JSON.parse(localStorage.getItem(STORE)) ?? {};
  } catch {
    return {};
  }
}

class App {
  constructor() {
    this.panels = new Map(); // by slot
    this.streamIds = [];
    this.chosen = stored();
    this.palette = paletteChoice.value = this.chosen.palette ?? "magma";
    this.table = new StreamTable((id) => this.open({ stream: id }));
    this.microphone = new Microphone((id) => this.open({ stream: id }));
    this.connection = new Connection("/features", {
      text: (message) => this.onText(message),
      binary: (buffer) => this.onRecords(buffer),
      lost: () => this.setConnected(false),
    });
    paletteChoice.addEventListener("change", () => this.setPalette(paletteChoice.value));
    requestAnimationFrame((nowMs) => this.onFrame(nowMs));
    setInterval(() => this.onFigures(), FIGURES_MS);
  }

  setConnected(connected) {
    chip.dataset.state = connected ? "live" : "waiting";
    if (connected) this.error = undefined;
    chip.textContent = connected ? "Connected" : this.error ?? "No connection to the daemon; trying again";
  }

  onText(message) {
    if (message.hello) this.onHello(message.hello);
    else if (message.streams) this.onStreams(message.streams, message.total);
    else if (message.refused) this.onRefused(message.refused);
    else if (message.error) chip.textContent = this.error = message.error; // why the connection ends now
  }

  /** The first message of each connection. */
  onHello(hello) {
    this.hello = hello;
    document.getElementById("version").textContent = hello.version;
    this.setConnected(true);
    this.microphone.setAllowed(hello.microphone);
    if (this.panels.size > 0) for (const panel of this.panels.values()) panel.subscribe();
    else for (const choice of this.chosen.panels ?? []) this.open(choice);
  }

  onStreams(streams, total) {
    this.streamIds = streams.map(({ id }) => id);
    const live = streams.find(({ ended }) => !ended);
    if (this.panels.size === 0 && live && !this.hasClosed) this.open({ stream: live.id });
    for (const panel of this.panels.values()) panel.onListed(streams);
    this.table.update(streams, total, this.shown, this.panels.size < SLOTS);
  }

  onRefused({ slot, generation, message }) {
    const panel = this.panels.get(slot);
    if (panel?.generation === generation) panel.onRefused(message);
  }

  onRecords(buffer) {
    for (const record of records(buffer)) this.panels.get(record.slot)?.onRecord(record);
  }

  /** Of a panel. */
  onRows(panel, record) {
    if (panel.choice.stream !== this.microphone.stream) return;
    const { hop_samples: hop, needs_samples: needs } = panel.frontEnd;
    this.microphone.onRows(record.firstSample + (record.nRows - 1) * hop + needs);
  }

  get shown() {
    return new Set([...this.panels.values()].map(({ choice }) => choice.stream));
  }

  open({ stream, frontEnd, smoothing }) {
    if (this.shown.has(stream) && !frontEnd) return;
    const slot = [...Array(SLOTS).keys()].find((one) => !this.panels.has(one));
    if (slot === undefined || !this.hello) return;
    const known = this.hello.front_ends.some(({ name }) => name === frontEnd);
    const choice = { stream, frontEnd: known ? frontEnd : this.hello.front_ends[0].name, smoothing: smoothing ?? "none" };
    const panel = new Panel(this, slot, choice);
    this.panels.set(slot, panel);
    panelPlace.append(panel.element);
    this.changed();
  }

  /** Its button was pressed. */
  closed(panel) {
    panel.remove();
    this.panels.delete(panel.slot);
    this.hasClosed = true;
    panelPlace.focus();
    this.changed();
  }

  changed() {
    panelPlace.dataset.count = this.panels.size;
    this.chosen = { palette: this.palette, panels: [...this.panels.values()].map(({ choice }) => choice) };
    localStorage.setItem(STORE, JSON.stringify(this.chosen));
  }

  setPalette(name) {
    this.palette = name;
    for (const panel of this.panels.values()) panel.setPalette(name);
    this.changed();
  }

  send(message) {
    return this.connection.send(message);
  }

  onFrame(nowMs) {
    for (const panel of this.panels.values()) panel.draw(nowMs);
    requestAnimationFrame((next) => this.onFrame(next));
  }

  onFigures() {
    this.microphone.show();
    for (const panel of this.panels.values()) panel.showReading();
  }
}

new App();
