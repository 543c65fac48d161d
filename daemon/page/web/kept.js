// For tests: with ?keep in the address the page keeps the audio that it sent and the rows that came, for a minute.

const MOST = 6000;
const wanted = new URLSearchParams(location.search).has("keep");

if (wanted) window.melstreamKept = { audio: [], rows: [] };

export function keep(what, item) {
  if (wanted && window.melstreamKept[what].length < MOST) window.melstreamKept[what].push(item);
}
