// The microphone as chunks of samples: asks for it, and says what to do where that fails. Knows nothing of the daemon.

const RESUME_MS = 3000;

/** What went wrong, with what to do. */
export class CaptureError extends Error {}

const REMEDIES = {
  NotAllowedError: "The microphone was refused. Allow it for this page (the sign beside the address), then press the button again.",
  NotFoundError: "This browser finds no microphone. Plug one in, or choose one in the system's sound settings, then press the button again.",
  NotReadableError: "The microphone cannot be read. Another program may hold it: close that one, then press the button again.",
  AbortError: "The microphone did not start. Press the button again; if that does not help, plug it in anew.",
  SecurityError: "This browser's settings or policies forbid microphones.",
};

function explained(error) {
  if (error instanceof CaptureError) return error;
  return new CaptureError(REMEDIES[error.name] ?? `The microphone failed (${error.name}: ${error.message}). Press the button again.`);
}

/** A context without a user's gesture stays suspended, and resume() never settles. */
async function resumed(context) {
  const late = new Promise((resolve) => setTimeout(resolve, RESUME_MS));
  await Promise.race([context.resume(), late]);
  if (context.state !== "running") {
    throw new CaptureError("The browser holds audio back until you click on the page or press a key: press the button again.");
  }
}

export class Capture {
  /** @param handlers chunk(Float32Array), trouble(text), over(text): the device is gone. */
  constructor(handlers) {
    this.handlers = handlers;
  }

  /** Asks for the device. The sample rate is the context's own. Throws CaptureError. */
  async open() {
    if (!navigator.mediaDevices || !window.AudioWorkletNode) {
      throw new CaptureError("Browsers give microphones only to pages of this machine: open this one as http://127.0.0.1:PORT/ or http://localhost:PORT/.");
    }
    try {
      this.context = new AudioContext({ latencyHint: "interactive" });
      await this.context.audioWorklet.addModule("worklet.js");
      await resumed(this.context);
      this.node = new AudioWorkletNode(this.context, "melstream-capture", { numberOfOutputs: 0 });
      this.node.port.onmessage = ({ data }) => this.handlers.chunk(data);
      this.context.onstatechange = () => this.onStateChange();
      await this.ask();
      return { rate: this.context.sampleRate, device: this.stream.getAudioTracks()[0].label };
    } catch (error) {
      this.close();
      throw explained(error);
    }
  }

  async ask() {
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    this.stream = await navigator.mediaDevices.getUserMedia({ audio: plain });
    if (!this.context) throw new CaptureError("Stopped.");
    const [track] = this.stream.getAudioTracks();
    track.onended = () => this.handlers.over("The microphone is gone. Plug it in, then press the button again.");
    track.onmute = () => this.handlers.trouble("The system has muted the microphone.");
    track.onunmute = () => this.handlers.trouble("");
  }

  /** Chunks come from here on. */
  begin() {
    this.context.createMediaStreamSource(this.stream).connect(this.node);
  }

  onStateChange() {
    if (!this.context || this.context.state === "running") return this.handlers.trouble("");
    this.handlers.trouble("The browser has paused audio: click on the page.");
    const resume = () => this.context?.resume();
    addEventListener("pointerdown", resume, { once: true });
    addEventListener("keydown", resume, { once: true });
  }

  close() {
    for (const track of this.stream?.getTracks() ?? []) {
      track.onended = track.onmute = track.onunmute = null;
      track.stop();
    }
    if (this.node) this.node.port.onmessage = null;
    if (this.context) {
      this.context.onstatechange = null;
      this.context.close();
    }
    this.context = this.stream = this.node = null;
  }
}
