// A panel as a PNG: the picture with its axes and what it shows.

const WIDTH = 1200, HEIGHT = 420, LEFT = 64, TOP = 44, RIGHT = 16, BOTTOM = 40;
const SECONDS = 10;

function drawAxes(context, panel) {
  const width = WIDTH - LEFT - RIGHT, height = HEIGHT - TOP - BOTTOM;
  context.fillStyle = "#333";
  context.font = "13px system-ui, sans-serif";
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const [place, label] of panel.ticks) {
    const y = TOP + height * (1 - place);
    context.fillText(label, LEFT - 8, y);
    context.fillRect(LEFT - 5, y, 5, 1);
  }
  context.textAlign = "center";
  context.textBaseline = "top";
  for (let back = SECONDS; back >= 0; back -= 2) {
    const x = LEFT + (width * (SECONDS - back)) / SECONDS;
    context.fillText(back === 0 ? "0 s" : `−${back} s`, x - (back === 0 ? 8 : 0), HEIGHT - BOTTOM + 8);
    context.fillRect(x, HEIGHT - BOTTOM, 1, 5);
  }
}

function compose(panel) {
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, WIDTH, HEIGHT);
  context.fillStyle = "#111";
  context.font = "600 16px system-ui, sans-serif";
  context.textBaseline = "middle";
  const { stream, frontEnd, smoothing } = panel.choice;
  const unit = panel.axis.length > 0 ? "Hz" : "value";
  context.fillText(`${stream} · ${frontEnd} · smoothing ${smoothing} · ${unit} · ${new Date().toISOString()}`, LEFT, TOP / 2);
  context.drawImage(panel.picture.canvas, LEFT, TOP, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
  drawAxes(context, panel);
  return canvas;
}

export async function savePng(panel) {
  const blob = await new Promise((resolve) => compose(panel).toBlob(resolve, "image/png"));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${panel.choice.stream}-${panel.choice.frontEnd}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
