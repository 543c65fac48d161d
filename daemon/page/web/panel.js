// One spectrogram: what it shows, its axes, its buttons. Subscribes by the connection that it is given.

import { colourTable } from "./colours.js";
import { savePng } from "./export.js";
import { keep } from "./kept.js";
import { Picture } from "./picture.js";
import { ENDED, GAP, ROWS, STARTED } from "./records.js";

const SECONDS = 10;
const ENGINE_HZ = 16000;
const HZ_TICKS = [250, 500, 1000, 2000, 4000, 7000];
const NOT_LOST = 4;
const HEIGHT_PIXELS = 240;
const ASK_AGAIN_MS = 3000;

export const hzText = (hz) => (hz >= 1000 ? `${hz / 1000}k` : `${hz}`);

const signed = (number) => String(number).replace("-", "−");

function option(value, label = value) {
  const element = document.createElement("option");
  element.value = value;
  element.textContent = label;
  return element;
}

export class Panel {
  /** @param site what all panels share: hello, palette, send(), onRows(panel, record), closed(panel), changed(). */
  constructor(site, slot, choice) {
    this.site = site;
    this.slot = slot;
    this.generation = 0;
    this.choice = choice;
    this.element = document.getElementById("panel").content.firstElementChild.cloneNode(true);
    this.picture = new Picture(this.find("canvas"), site.palette);
    this.picture.onRange = (low, high) => this.showRange(low, high);
    this.fillChoices();
    this.listen();
    this.setPalette(site.palette);
    this.restart();
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  fillChoices() {
    for (const { name } of this.site.hello.front_ends) this.find(".front-end").append(option(name));
    this.setStreams(this.site.streamIds);
    this.find(".front-end").value = this.choice.frontEnd;
    this.find(".smoothing").value = this.choice.smoothing;
  }

  setStreams(ids) {
    const all = [...new Set([...ids, this.choice.stream])].sort();
    if (all.join() === this.listed) return;
    this.listed = all.join();
    this.find(".stream").replaceChildren(...all.map((id) => option(id)));
    this.find(".stream").value = this.choice.stream;
  }

  listen() {
    const choose = (selector, key) =>
      this.find(selector).addEventListener("change", ({ target }) => {
        this.choice[key] = target.value;
        this.restart();
        this.site.changed();
      });
    choose(".stream", "stream");
    choose(".front-end", "frontEnd");
    choose(".smoothing", "smoothing");
    this.find(".pause").addEventListener("click", () => this.togglePause());
    this.find(".save").addEventListener("click", () => savePng(this));
    this.find(".close").addEventListener("click", () => this.site.closed(this));
    const picture = this.find(".picture");
    picture.addEventListener("pointermove", (event) => this.pointAt(event));
    picture.addEventListener("pointerleave", () => this.readAt(undefined));
    picture.addEventListener("blur", () => this.readAt(undefined));
    picture.addEventListener("keydown", (event) => this.onKey(event));
  }

  get frontEnd() {
    return this.site.hello.front_ends.find(({ name }) => name === this.choice.frontEnd);
  }

  /** Another choice: nothing of the old one stays. */
  restart() {
    const frontEnd = this.frontEnd;
    const smoothing = this.find(".smoothing");
    smoothing.disabled = !frontEnd.smoothing;
    if (!frontEnd.smoothing) smoothing.value = this.choice.smoothing = "none";
    const valid = this.choice.smoothing === "box3x3-valid";
    this.axis = valid ? frontEnd.axis_hz.slice(1, -1) : frontEnd.axis_hz;
    const nValues = frontEnd.values - (valid ? 2 : 0);
    const nColumns = Math.round((SECONDS * ENGINE_HZ) / frontEnd.hop_samples);
    this.picture.setShape({ nValues, nColumns, scale: frontEnd.scale, nPixels: HEIGHT_PIXELS, seconds: SECONDS });
    Object.assign(this, { epoch: undefined, next: undefined, ended: "", nGaps: 0, lastGap: undefined });
    this.showAxes();
    this.showRange(this.picture.top - 70, this.picture.top);
    this.find(".picture").setAttribute("aria-label", `Spectrogram of stream ${this.choice.stream}, the last ${SECONDS} seconds. Arrow keys read values.`);
    this.subscribe();
  }

  /** Goes on where it was, if it was anywhere. */
  subscribe() {
    this.generation = (this.generation % 65535) + 1;
    const wish = {
      slot: this.slot,
      generation: this.generation,
      stream: this.choice.stream,
      front_end: this.choice.frontEnd,
      smoothing: this.choice.smoothing,
      seconds_back: SECONDS,
    };
    if (this.next !== undefined) Object.assign(wish, { epoch: this.epoch, frame: this.next });
    this.ended = "";
    this.refusedMs = undefined;
    this.veil("Waiting for the stream …");
    this.site.send({ subscribe: wish });
  }

  onRecord(record) {
    if (record.generation !== this.generation) return;
    if (record.kind === ROWS) this.onRows(record);
    else if (record.kind === GAP) this.onGap(record);
    else if (record.kind === STARTED) this.onStarted(record);
    else if (record.kind === ENDED) this.onEnded(record);
  }

  onStarted({ epoch, firstFrame }) {
    this.veil("");
    if (this.epoch !== undefined && this.epoch !== epoch) {
      this.picture.addGap(0);
      this.noteGap("the stream was opened anew");
    }
    this.epoch = epoch;
    this.next = firstFrame;
    this.showState();
  }

  onRows(record) {
    this.next = record.firstFrame + record.nRows;
    this.picture.addRows(record.values, record.nRows);
    this.site.onRows(this, record);
    keep("rows", { slot: this.slot, first: record.firstFrame, values: record.values, nValues: record.nValues });
  }

  onGap({ firstFrame, nFrames, reason, flags }) {
    this.next = firstFrame + nFrames;
    this.picture.addGap(nFrames);
    const seconds = (nFrames * this.frontEnd.hop_samples) / ENGINE_HZ;
    const why = this.site.hello.gap_reasons[reason]?.replaceAll("_", " ") ?? "unknown";
    this.noteGap(`${seconds.toFixed(2)} s, ${why}${flags & NOT_LOST ? " (this page only)" : ""}`);
  }

  onEnded({ reason }) {
    this.ended = this.site.hello.end_reasons[reason]?.replaceAll("_", " ") ?? "unknown";
    this.showState();
  }

  /** It may be too much for the daemon at this moment: asks again, since nobody else will. */
  onRefused(message) {
    this.refusedMs = performance.now();
    this.veil(message);
  }

  /** The stream list says that there is a new life of the stream. */
  onListed(streams) {
    this.setStreams(streams.map(({ id }) => id));
    const live = streams.find(({ id, ended }) => id === this.choice.stream && !ended);
    if (this.ended && live && live.epoch !== this.epoch) {
      this.next = undefined;
      this.subscribe();
    } else if (this.refusedMs !== undefined && performance.now() - this.refusedMs > ASK_AGAIN_MS) {
      this.subscribe();
    }
  }

  noteGap(what) {
    ++this.nGaps;
    this.lastGap = what;
    this.showState();
  }

  showState() {
    const gaps = this.nGaps === 0 ? "No gaps" : `${this.nGaps} ${this.nGaps === 1 ? "gap" : "gaps"}, the last: ${this.lastGap}`;
    this.find(".state").textContent = this.ended ? `Ended: ${this.ended}. ${gaps}` : gaps;
    this.find(".state").classList.toggle("has-gaps", this.nGaps > 0);
  }

  veil(what) {
    const veil = this.find(".veil");
    veil.textContent = what;
    veil.hidden = what === "";
  }

  togglePause(paused = !this.picture.paused) {
    this.picture.setPaused(paused);
    this.find(".pause").textContent = paused ? "Go on" : "Pause";
    this.find(".pause").setAttribute("aria-pressed", String(paused));
    this.element.classList.toggle("paused", paused);
  }

  setPalette(name) {
    this.picture.setPalette(name);
    const legend = this.find(".legend canvas").getContext("2d");
    const image = legend.createImageData(1, 64);
    const pixels = new Uint32Array(image.data.buffer);
    const table = colourTable(name);
    for (let i = 0; i < 64; ++i) pixels[i] = table[255 - i * 4];
    legend.putImageData(image, 0, 0);
  }

  showRange(low, high) {
    const unit = this.frontEnd.scale === "cepstrum" ? "" : " dB";
    this.find(".high").textContent = signed(high) + unit;
    this.find(".low").textContent = signed(low) + unit;
  }

  /** Where a frequency lies, from 0 to 1 from the bottom; undefined outside. */
  placeOf(hz) {
    const axis = this.axis;
    const above = axis.findIndex((one) => one >= hz);
    if (above <= 0) return undefined;
    const part = (hz - axis[above - 1]) / (axis[above] - axis[above - 1]);
    return (above - 0.5 + part) / axis.length;
  }

  /** [place, label] of the vertical axis; values are counted where they are no frequencies. */
  get ticks() {
    if (this.axis.length > 0) {
      return HZ_TICKS.map((hz) => [this.placeOf(hz), hzText(hz)]).filter(([place]) => place !== undefined);
    }
    const n = this.picture.nValues;
    return [0.25, 0.5, 0.75].map((place) => [place, `${Math.round(place * n)}`]);
  }

  showAxes() {
    const labels = [], lines = [];
    for (const [place, label] of this.ticks) {
      const text = document.createElement("span");
      text.textContent = label;
      const line = document.createElement("i");
      text.style.bottom = line.style.bottom = `${100 * place}%`;
      labels.push(text);
      lines.push(line);
    }
    this.find(".unit").textContent = this.axis.length > 0 ? "Hz" : "value";
    this.find(".hz").replaceChildren(...labels);
    this.find(".lines").replaceChildren(...lines);
    const seconds = Array.from({ length: SECONDS / 2 + 1 }, (_, i) => {
      const text = document.createElement("span");
      const back = SECONDS - 2 * i;
      text.textContent = back === 0 ? "now" : `−${back} s`;
      text.style.left = `${(200 * i * 100) / (SECONDS * 100)}%`;
      return text;
    });
    this.find(".seconds").replaceChildren(...seconds);
  }

  pointAt({ offsetX, offsetY, currentTarget }) {
    this.readAt({ x: offsetX / currentTarget.clientWidth, y: 1 - offsetY / currentTarget.clientHeight });
  }

  onKey(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (event.key === " ") this.togglePause();
    else if (event.key === "Escape") this.readAt(undefined);
    else if (steps[event.key]) {
      const at = this.reading ?? { x: 0.5, y: 0.5 };
      const size = event.shiftKey ? 0.1 : 0.01;
      const inside = (v) => Math.min(0.999, Math.max(0, v));
      this.readAt({ x: inside(at.x + steps[event.key][0] * size), y: inside(at.y + steps[event.key][1] * size) });
    } else return;
    event.preventDefault();
  }

  /** @param at from 0 to 1 from the left and from the bottom. */
  readAt(at) {
    this.reading = at;
    const cross = this.find(".cross");
    cross.hidden = !at;
    if (!at) return void (this.find(".read").textContent = "");
    cross.style.left = `${100 * at.x}%`;
    cross.style.bottom = `${100 * at.y}%`;
    this.showReading();
  }

  showReading() {
    if (!this.reading) return;
    const { x, y } = this.reading;
    const value = Math.min(this.picture.nValues - 1, Math.floor(y * this.picture.nValues));
    const where = this.axis.length > 0 ? `${Math.round(this.axis[value])} Hz` : `value ${value}`;
    const db = this.picture.valueAt(x, y);
    const unit = this.frontEnd.scale === "cepstrum" ? "" : " dB";
    const what = this.picture.isGapAt(x) ? "gap" : db === undefined ? "nothing" : signed(db.toFixed(1)) + unit;
    this.find(".read").textContent = `${signed(((x - 1) * SECONDS).toFixed(2))} s · ${where} · ${what}`;
  }

  draw(nowMs) {
    this.picture.draw(nowMs);
  }

  remove() {
    this.site.send({ unsubscribe: { slot: this.slot } });
    this.element.remove();
  }
}
