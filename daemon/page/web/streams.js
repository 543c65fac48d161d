// The table of streams. Rows stay in place and change only where something changed.

const QUIETEST_DB = -60;

const dbText = (db) => (db <= -100 ? "silent" : `${db.toFixed(0).replace("-", "−")} dB`);
const lengthText = (seconds) => {
  const whole = Math.floor(seconds), pad = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  return `${hours ? `${hours}:` : ""}${pad(Math.floor(whole / 60) % 60)}:${pad(whole % 60)}`;
};

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function cell(row, className) {
  const element = document.createElement("td");
  element.className = className;
  row.append(element);
  return element;
}

class Row {
  constructor(id, onShow) {
    this.element = document.createElement("tr");
    const name = document.createElement("th");
    name.scope = "row";
    this.name = document.createElement("span");
    this.labels = document.createElement("small");
    name.append(this.name, this.labels);
    this.element.append(name);
    this.meter = document.createElement("div");
    this.meter.className = "meter";
    this.meter.setAttribute("aria-hidden", "true");
    this.rms = document.createElement("i");
    this.peak = document.createElement("b");
    this.meter.append(this.rms, this.peak);
    this.level = document.createElement("span");
    cell(this.element, "level").append(this.meter, this.level);
    this.lag = cell(this.element, "number");
    this.lost = cell(this.element, "number");
    this.length = cell(this.element, "number");
    this.readers = cell(this.element, "number");
    this.button = document.createElement("button");
    this.button.type = "button";
    this.button.addEventListener("click", () => onShow(id));
    cell(this.element, "number").append(this.button);
  }

  update(stream, isShown, hasRoom) {
    const place = (db) => Math.max(0, 1 - db / QUIETEST_DB);
    setText(this.name, stream.id);
    setText(this.labels, Object.entries(stream.labels).map(([key, value]) => `${key}=${value}`).join(" "));
    this.rms.style.transform = `scaleX(${stream.ended ? 0 : place(stream.rms_db)})`;
    this.peak.style.left = `${100 * (stream.ended ? 0 : place(stream.peak_db))}%`;
    this.meter.classList.toggle("hot", stream.peak_db > -1);
    setText(this.level, stream.ended ? "ended" : dbText(stream.rms_db));
    setText(this.lag, stream.ended || stream.lag_ms === 0 ? "–" : `${stream.lag_ms} ms`);
    setText(this.lost, stream.gap_seconds > 0 ? `${stream.gap_seconds.toFixed(2)} s` : "none");
    this.lost.classList.toggle("has-gaps", stream.gap_seconds > 0);
    setText(this.length, lengthText(stream.seconds));
    setText(this.readers, String(stream.readers));
    setText(this.button, isShown ? "Shown" : "Show");
    this.button.disabled = isShown || !hasRoom;
    this.button.setAttribute("aria-label", isShown ? `${stream.id} is shown` : `Show ${stream.id}`);
    this.element.classList.toggle("ended", stream.ended);
  }
}

export class StreamTable {
  constructor(onShow) {
    this.onShow = onShow;
    this.rows = new Map();
    this.body = document.getElementById("streams");
  }

  /** @param shown ids of streams that have a panel. */
  update(streams, total, shown, hasRoom) {
    document.getElementById("no-streams").hidden = streams.length > 0;
    setText(document.getElementById("n-streams"), total > streams.length ? `${streams.length} of ${total}` : total ? `${total}` : "");
    const present = new Set(streams.map(({ id, epoch }) => id + epoch));
    for (const [key, row] of this.rows) {
      if (present.has(key)) continue;
      row.element.remove();
      this.rows.delete(key);
    }
    for (const stream of streams) {
      const key = stream.id + stream.epoch;
      if (!this.rows.has(key)) {
        this.rows.set(key, new Row(stream.id, this.onShow));
        this.body.append(this.rows.get(key).element);
      }
      this.rows.get(key).update(stream, shown.has(stream.id), hasRoom);
    }
  }
}
