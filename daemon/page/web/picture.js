// A spectrogram on a canvas of one pixel a row and bin, which the browser's compositor stretches: a new row costs one
// column of pixels, and scrolling one copy of a small picture. What is missing is drawn as stripes, never left out.

import { colourTable, pixel } from "./colours.js";

const ROW = 1, GAP = 2;
const RANGE_DB = 70;
const STEP_DB = 5; // the range moves in steps, since each is a full redraw
const LOWEST_TOP_DB = -40;
const NARROWEST_GAP = 4; // columns, so that a gap of one frame is seen too
const GAP_DARK = pixel(58, 36, 12), GAP_BRIGHT = pixel(255, 176, 46);
const STRIPE_PIXELS = 8;

const REDUCED_MOTION = matchMedia("(prefers-reduced-motion: reduce)");
const CALM_MS = 500; // then the picture moves twice a second
const BURST_MS = 40; // what waits on average
const LONG_MS = 500; // more than this is drawn at once
const CATCH_UP = 0.05;

/** Values as decibels; cepstra as they are. */
const TO_DB = {
  log10: (v) => 10 * v,
  ln: (v) => 4.342944819 * v,
  linear: (v) => 10 * Math.log10(Math.max(v, 1e-12)),
  cepstrum: (v) => v,
};

export class Picture {
  constructor(canvas, palette) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.colours = colourTable(palette);
    this.pending = [];
    this.setShape({ nValues: 80, nColumns: 1000, scale: "log10", nPixels: 240, seconds: 10 });
  }

  /** Forgets all. @param nPixels height on the screen, for the stripes. */
  setShape({ nValues, nColumns, scale, nPixels, seconds }) {
    Object.assign(this, { nValues, nColumns, scale, toDb: TO_DB[scale], columnsPerMs: nColumns / seconds / 1000 });
    this.pixelsPerValue = nPixels / nValues;
    this.canvas.width = nColumns;
    this.canvas.height = nValues;
    this.nKept = 2 * nColumns; // a ring: those shown, and those that wait
    this.db = new Float32Array(this.nKept * nValues);
    this.kinds = new Uint8Array(this.nKept);
    this.head = 0; // columns so far
    this.drawn = 0;
    this.steppedMs = -Infinity;
    this.owed = 0;
    this.top = LOWEST_TOP_DB;
    this.seenTop = -Infinity;
    this.pending = [];
    this.image = undefined;
    this.wantsRedraw = true;
  }

  setPalette(palette) {
    this.colours = colourTable(palette);
    this.wantsRedraw = true;
  }

  /** While paused nothing is drawn; what comes waits, as much of it as the picture has columns. */
  setPaused(paused) {
    this.paused = paused;
    if (paused) return;
    for (const add of this.pending.splice(0)) add();
  }

  later(add) {
    this.pending.push(add);
    if (this.pending.length > this.nColumns) this.pending.shift();
  }

  addRows(values, nRows) {
    if (this.paused) return this.later(() => this.addRows(values, nRows));
    for (let row = 0; row < nRows; ++row) {
      const place = this.head % this.nKept;
      const column = this.db.subarray(place * this.nValues, (place + 1) * this.nValues);
      for (let i = 0; i < this.nValues; ++i) {
        const db = this.toDb(values[row * this.nValues + i]);
        column[i] = db;
        if (db > this.seenTop) this.seenTop = db;
      }
      this.kinds[place] = ROW;
      ++this.head;
    }
    this.moveRange();
  }

  addGap(nFrames) {
    if (this.paused) return this.later(() => this.addGap(nFrames));
    const n = Math.min(this.nColumns, Math.max(NARROWEST_GAP, nFrames));
    for (let i = 0; i < n; ++i) this.kinds[this.head++ % this.nKept] = GAP;
  }

  moveRange() {
    const lowest = this.scale === "cepstrum" ? 0 : LOWEST_TOP_DB;
    const top = Math.max(lowest, Math.ceil(this.seenTop / STEP_DB) * STEP_DB);
    if (top === this.top) return;
    this.top = top;
    this.wantsRedraw = true;
    this.onRange?.(this.top - RANGE_DB, this.top);
  }

  /** The value below a place of the picture, both from 0 to 1 from the left and from the bottom; undefined in a gap. */
  valueAt(x, y) {
    const column = this.drawn - this.nColumns + Math.floor(x * this.nColumns);
    if (column < 0 || this.kinds[column % this.nKept] !== ROW) return undefined;
    const value = Math.min(this.nValues - 1, Math.floor(y * this.nValues));
    return this.db[(column % this.nKept) * this.nValues + value];
  }

  isGapAt(x) {
    const column = this.drawn - this.nColumns + Math.floor(x * this.nColumns);
    return column >= 0 && this.kinds[column % this.nKept] === GAP;
  }

  /** Once a frame of the screen. @param nowMs of this frame. */
  draw(nowMs) {
    const until = this.drawn + this.step(nowMs);
    const n = this.wantsRedraw ? this.nColumns : Math.min(this.nColumns, until - this.drawn);
    this.drawn = until;
    if (n === 0) return;
    this.wantsRedraw = false;
    if (n < this.nColumns) this.context.drawImage(this.canvas, -n, 0);
    this.drawColumns(n);
  }

  /** Columns to scroll by: rows come in bursts, and the eye sees that, so they are drawn at their own pace. */
  step(nowMs) {
    if (this.paused) return 0;
    const waiting = this.head - this.drawn;
    const passedMs = nowMs - this.steppedMs;
    if (REDUCED_MOTION.matches && passedMs < CALM_MS) return 0;
    this.steppedMs = nowMs;
    if (REDUCED_MOTION.matches || !(passedMs < LONG_MS) || waiting > this.columnsPerMs * LONG_MS) return waiting;
    const spare = waiting - this.columnsPerMs * BURST_MS;
    this.owed = Math.max(0, this.owed + passedMs * this.columnsPerMs + spare * CATCH_UP);
    const n = Math.min(waiting, Math.floor(this.owed));
    this.owed = Math.min(1, this.owed - n);
    return n;
  }

  drawColumns(n) {
    const image = n === this.nColumns || !this.image || this.image.width < n ? this.context.createImageData(n, this.nValues) : this.image;
    if (n < this.nColumns) this.image = image;
    const pixels = new Uint32Array(image.data.buffer);
    const width = image.width;
    for (let i = 0; i < n; ++i) this.fillColumn(pixels, width, i, this.drawn - n + i);
    this.context.putImageData(image, this.nColumns - n, 0, 0, 0, n, this.nValues);
  }

  fillColumn(pixels, width, x, column) {
    const kind = column < 0 ? 0 : this.kinds[column % this.nKept];
    const begin = (column % this.nKept) * this.nValues;
    const perDb = 255 / RANGE_DB, low = this.top - RANGE_DB;
    for (let i = 0; i < this.nValues; ++i) {
      let colour = this.colours[0];
      if (kind === ROW) {
        const shade = (this.db[begin + i] - low) * perDb;
        colour = this.colours[shade > 255 ? 255 : shade > 0 ? shade | 0 : 0];
      } else if (kind === GAP) {
        colour = this.stripe(column, i);
      }
      pixels[(this.nValues - 1 - i) * width + x] = colour;
    }
  }

  /** Diagonal on the screen, whatever a pixel is stretched to. */
  stripe(column, value) {
    const along = Math.floor((column * 0.6 + value * this.pixelsPerValue) / STRIPE_PIXELS);
    return along % 2 === 0 ? GAP_BRIGHT : GAP_DARK;
  }
}
