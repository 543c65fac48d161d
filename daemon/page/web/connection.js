// A WebSocket to the daemon that comes back by itself. A daemon that was started anew has a new token: it stands in its
// page, which only this origin can read.

const FIRST_PAUSE_MS = 250, LONGEST_PAUSE_MS = 5000;

let token = document.querySelector('meta[name="melstream-token"]').content;

async function renewToken() {
  try {
    const page = await (await fetch("/", { cache: "no-store" })).text();
    const found = /name="melstream-token" content="([0-9a-f]+)"/.exec(page);
    if (found) token = found[1];
  } catch {
    // The daemon is not there; the next attempt asks again.
  }
}

export class Connection {
  /** @param handlers open(), text(object), binary(buffer), lost(isFirst): all optional. */
  constructor(path, handlers) {
    this.path = path;
    this.handlers = handlers;
    this.pauseMs = FIRST_PAUSE_MS;
    this.wanted = true;
    this.connect();
  }

  connect() {
    const socket = new WebSocket(`ws://${location.host}${this.path}?token=${token}`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.pauseMs = FIRST_PAUSE_MS;
      this.handlers.open?.();
    };
    socket.onmessage = ({ data }) => {
      if (typeof data === "string") this.handlers.text?.(JSON.parse(data));
      else this.handlers.binary?.(data);
    };
    socket.onclose = () => this.onClose();
    this.socket = socket;
  }

  onClose() {
    if (!this.wanted) return;
    this.handlers.lost?.();
    this.timer = setTimeout(async () => {
      await renewToken();
      if (this.wanted) this.connect();
    }, this.pauseMs);
    this.pauseMs = Math.min(LONGEST_PAUSE_MS, this.pauseMs * 2);
  }

  get isOpen() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  /** Bytes that the browser has not given to the network yet. */
  get waiting() {
    return this.socket.bufferedAmount;
  }

  /** False if there is no connection: nothing was sent. */
  send(message) {
    if (!this.isOpen) return false;
    this.socket.send(message instanceof ArrayBuffer ? message : JSON.stringify(message));
    return true;
  }

  /** For good, as one that is done. */
  close() {
    this.wanted = false;
    clearTimeout(this.timer);
    this.socket.close(1000);
  }
}
