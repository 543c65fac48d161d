// On the audio thread: channels become one, quanta of 128 samples become chunks of 1024 (23 ms at 44.1 kHz).

const CHUNK_SAMPLES = 1024;

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.chunk = new Float32Array(CHUNK_SAMPLES);
    this.n = 0;
  }

  process([channels]) {
    if (channels.length === 0) return true;
    for (let i = 0; i < channels[0].length; ++i) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      this.chunk[this.n++] = sum / channels.length;
      if (this.n === CHUNK_SAMPLES) this.flush();
    }
    return true;
  }

  flush() {
    this.port.postMessage(this.chunk, [this.chunk.buffer]);
    this.chunk = new Float32Array(CHUNK_SAMPLES);
    this.n = 0;
  }
}

registerProcessor("melstream-capture", Capture);
