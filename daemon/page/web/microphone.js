// "Use this microphone": captures, sends, and measures how long a sound takes until its features are back. Samples are
// counted from the beginning of the capture, so whatever is not sent is a gap of its true length.

import { Capture } from "./capture.js";
import { Connection } from "./connection.js";
import { keep } from "./kept.js";

const HEADER_BYTES = 8;
const MOST_WAITING_BYTES = 1 << 20;
const KEPT_CHUNKS = 400;
const ROUND_TRIPS = 64;
const SILENT_CHUNKS = 150; // some three seconds
const ENGINE_HZ = 16000;

const text = document.getElementById("microphone-text");
const button = document.getElementById("microphone-button");
const figure = (id) => document.getElementById(id);

const randomKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");

export class Microphone {
  /** @param onStream(id) called when the daemon has opened the stream. */
  constructor(onStream) {
    this.onStream = onStream;
    this.running = false;
    button.addEventListener("click", () => (this.running ? this.stop("Stopped.") : this.start()));
  }

  setAllowed(allowed) {
    button.disabled = !allowed;
    if (!allowed) text.textContent = 'This daemon takes no audio from pages: auth.anonymous_roles does not have "publisher".';
  }

  async start() {
    this.running = true;
    Object.assign(this, { captured: 0, base: 0, sent: 0, notSent: 0, silent: 0, chunks: [], roundTrips: [], ready: false });
    this.key = randomKey();
    button.textContent = "Stop";
    text.textContent = "Asking for the microphone …";
    const capture = new Capture({
      chunk: (samples) => this.onChunk(samples),
      trouble: (what) => this.say(what),
      over: (what) => this.stop(what),
    });
    this.capture = capture;
    try {
      Object.assign(this, await capture.open());
      if (!this.running || this.capture !== capture) return capture.close();
      await this.connect();
      capture.begin();
      this.say("");
      figure("microphone-figures").hidden = false;
      figure("sample-rate").textContent = `${(this.rate / 1000).toLocaleString("en", { maximumFractionDigits: 1 })} kHz`;
    } catch (error) {
      if (this.capture === capture) this.stop(error.message);
    }
  }

  /** Resolves once the daemon has the stream: from then on nothing that is captured is lost. */
  connect() {
    return new Promise((resolve, reject) => {
      this.connection = new Connection("/microphone", {
        open: () => this.connection.send({ start: { rate: this.rate, key: this.key } }),
        text: (message) => {
          if (message.error) {
            reject(new Error(message.error));
            return this.stop(`The daemon says: ${message.error}.`);
          }
          this.onStarted(message.started);
          resolve();
        },
        lost: () => {
          this.ready = false;
          this.say("The connection to the daemon is lost; trying again. What you say meanwhile will be a gap.");
        },
      });
    });
  }

  /** A stream that is new to the daemon begins with what is captured next. */
  onStarted(started) {
    if (started.next_sample === 0) {
      this.base = this.captured;
      this.chunks = [];
    }
    this.stream = started.stream;
    this.ready = true;
    this.say("");
    this.onStream(started.stream);
  }

  onChunk(samples) {
    const first = this.captured - this.base;
    this.captured += samples.length;
    this.noteSilence(samples);
    this.chunks.push({ end: first + samples.length, at: performance.now() });
    if (this.chunks.length > KEPT_CHUNKS) this.chunks.shift();
    if (!this.ready || this.connection.waiting > MOST_WAITING_BYTES) return void (this.notSent += samples.length);
    const message = new ArrayBuffer(HEADER_BYTES + samples.byteLength);
    new DataView(message).setBigInt64(0, BigInt(first), true);
    new Float32Array(message, HEADER_BYTES).set(samples);
    if (this.connection.send(message)) {
      this.sent += samples.length;
      keep("audio", { first, samples });
    } else {
      this.notSent += samples.length;
    }
  }

  noteSilence(samples) {
    this.silent = samples.every((sample) => sample === 0) ? this.silent + 1 : 0;
    if (this.silent === SILENT_CHUNKS) this.say("Only digital silence comes: is the microphone muted, or the wrong one chosen in the browser?");
    if (this.silent === 0 && this.wasSilent) this.say("");
    this.wasSilent = this.silent >= SILENT_CHUNKS;
  }

  /** Rows of this stream came that end at this sample of its 16 kHz timeline. */
  onRows(endSample) {
    const end = (endSample * this.rate) / ENGINE_HZ;
    const chunk = this.chunks.find((one) => one.end >= end);
    if (!chunk) return;
    const capturedAt = chunk.at - ((chunk.end - end) / this.rate) * 1000;
    this.roundTrips.push(performance.now() - capturedAt);
    if (this.roundTrips.length > ROUND_TRIPS) this.roundTrips.shift();
  }

  get roundTripMs() {
    const sorted = [...this.roundTrips].sort((a, b) => a - b);
    return sorted[sorted.length >> 1];
  }

  /** Figures, a few times a second. */
  show() {
    if (!this.running || !this.rate) return;
    const seconds = (samples) => `${(samples / this.rate).toFixed(1)} s`;
    figure("round-trip").textContent = this.roundTripMs === undefined ? "–" : `${Math.round(this.roundTripMs)} ms`;
    figure("sent").textContent = seconds(this.sent);
    figure("mic-lost").textContent = seconds(this.notSent);
  }

  /** @param what "": all is well. */
  say(what) {
    if (this.running) text.textContent = what || `${this.device || "Microphone"} → stream “${this.stream ?? "…"}”. It stays on this machine.`;
  }

  stop(why) {
    this.running = false;
    this.ready = false;
    this.capture?.close();
    this.connection?.close();
    this.stream = undefined;
    button.textContent = "Use this microphone";
    text.textContent = why;
    figure("microphone-figures").hidden = true;
  }
}
