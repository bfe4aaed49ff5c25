"use strict";
// Draws the map of littoral's report. Asks nothing of the outside: all it knows stands in the page.
(() => {
  const data = JSON.parse(document.getElementById("map-data").textContent);
  const box = document.getElementById("live-map"), canvas = box.querySelector("canvas");
  const tip = box.querySelector(".tip"), tools = box.querySelector(".tools"), legend = box.querySelector(".legend");
  const pen = canvas.getContext("2d"), count = data.outline.length, none = data.categories.length - 1;
  const hidden = new Set();
  let view = 0, byConfidence = false, scale = 1, x0 = 0, y0 = 0, chosen = -1, picture = null, least = 0, waiting = false, ground = true;

  const middle = data.outline.map(o => {
    let x = 0, y = 0;
    for (let i = 0; i < o.length; i += 2) { x += o[i]; y += o[i + 1]; }
    return [2 * x / o.length, 2 * y / o.length];
  });
  const reach = data.outline.map((o, at) => {
    let most = 0;
    for (let i = 0; i < o.length; i += 2) most = Math.max(most, Math.hypot(o[i] - middle[at][0], o[i + 1] - middle[at][1]));
    return most;
  });

  const element = (name, text, into) => {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    into.append(made);
    return made;
  };
  const colour = at => {
    if (!byConfidence) return data.categories[data.views[view][1][at]][1];
    const sure = data.confidence[at];
    return sure === null ? data.categories[none][1] : `hsl(${Math.round(120 * Math.max(0, sure * 2 - 1))} 75% 45%)`;
  };
  const shown = at => !hidden.has(data.views[view][1][at]) && (data.confidence[at] === null || data.confidence[at] <= 1 - least);

  function draw() {
    waiting = false;
    const ratio = window.devicePixelRatio || 1, wide = box.clientWidth, high = canvas.clientHeight;
    if (canvas.width !== Math.round(wide * ratio)) canvas.width = Math.round(wide * ratio);
    if (canvas.height !== Math.round(high * ratio)) canvas.height = Math.round(high * ratio);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, wide, high);
    if (picture && ground) {
      const [px, py, pw, ph] = data.ground.place;
      pen.drawImage(picture, (px - x0) * scale, (py - y0) * scale, pw * scale, ph * scale);
    }
    for (let at = 0; at < count; at++) {
      const o = data.outline[at];
      if (!o.length || !shown(at)) continue;
      const far = reach[at] * scale, x = (middle[at][0] - x0) * scale, y = (middle[at][1] - y0) * scale;
      if (x + far < 0 || y + far < 0 || x - far > wide || y - far > high) continue;
      pen.beginPath();
      if (far < 2.5) pen.arc(x, y, 2.5, 0, 7);
      else for (let i = 0; i < o.length; i += 2) pen.lineTo((o[i] - x0) * scale, (o[i + 1] - y0) * scale);
      pen.closePath();
      pen.fillStyle = pen.strokeStyle = colour(at);
      pen.globalAlpha = picture && ground ? 0.45 : 0.7;
      pen.fill();
      pen.globalAlpha = 1;
      // Dark colours on dark ground need a rim.
      if (picture && ground) { pen.strokeStyle = "#fff"; pen.lineWidth = 3; pen.stroke(); pen.strokeStyle = pen.fillStyle; }
      pen.lineWidth = 1.5;
      pen.stroke();
    }
    if (chosen >= 0) {
      const [x, y] = middle[chosen];
      pen.beginPath();
      pen.arc((x - x0) * scale, (y - y0) * scale, Math.max(12, reach[chosen] * scale + 4), 0, 7);
      pen.strokeStyle = "#000"; pen.lineWidth = 4; pen.stroke();
      pen.strokeStyle = "#fff"; pen.lineWidth = 2; pen.stroke();
    }
  }
  const redraw = () => { if (!waiting) { waiting = true; requestAnimationFrame(draw); } };

  function whole() {
    const wide = box.clientWidth, high = canvas.clientHeight, known = middle.filter(m => isFinite(m[0]));
    const xs = known.map(m => m[0]), ys = known.map(m => m[1]);
    const least = list => list.reduce((a, b) => Math.min(a, b), Infinity), most = list => list.reduce((a, b) => Math.max(a, b), -Infinity);
    const w = Math.max(most(xs) - least(xs), 1), h = Math.max(most(ys) - least(ys), 1);
    scale = 0.9 * Math.min(wide / w, high / h, 60 / Math.max(1, most(reach)));
    x0 = (least(xs) + most(xs)) / 2 - wide / 2 / scale;
    y0 = (least(ys) + most(ys)) / 2 - high / 2 / scale;
    redraw();
  }
  function zoom(factor, x, y) {
    const next = Math.min(Math.max(scale * factor, 1e-5), 50);
    x0 += x / scale - x / next; y0 += y / scale - y / next; scale = next;
    redraw();
  }
  function find(x, y) {
    let best = -1, near = Infinity;
    for (let at = 0; at < count; at++) {
      if (!shown(at)) continue;
      const away = Math.hypot((middle[at][0] - x0) * scale - x, (middle[at][1] - y0) * scale - y);
      if (away < near && away <= Math.max(6, reach[at] * scale)) { best = at; near = away; }
    }
    return best;
  }
  function tell(at) {
    tip.hidden = at < 0;
    if (at < 0) return;
    tip.replaceChildren();
    data.said[at].forEach((line, i) => element(i ? "div" : "b", line, tip));
    const x = (middle[at][0] - x0) * scale, y = (middle[at][1] - y0) * scale;
    tip.style.left = `${Math.min(Math.max(x + 14, 0), box.clientWidth - tip.offsetWidth - 4)}px`;
    tip.style.top = `${Math.min(Math.max(y + 14, 0), canvas.clientHeight - tip.offsetHeight - 4)}px`;
  }
  function go(row) {
    const at = data.row.indexOf(row);
    if (at < 0 || !data.outline[at].length) return;
    chosen = at;
    scale = Math.max(scale, 40 / Math.max(1, reach[at]));
    x0 = middle[at][0] - box.clientWidth / 2 / scale;
    y0 = middle[at][1] - canvas.clientHeight / 2 / scale;
    draw(); tell(at);
    box.scrollIntoView({ block: "center" });
  }

  function list() {
    legend.replaceChildren();
    const counts = new Map();
    data.views[view][1].forEach(c => counts.set(c, (counts.get(c) || 0) + 1));
    data.categories.forEach(([name, paint], c) => {
      if (!counts.has(c)) return;
      const label = element("label", "", legend), tick = element("input", "", label);
      tick.type = "checkbox"; tick.checked = !hidden.has(c);
      tick.onchange = () => { tick.checked ? hidden.delete(c) : hidden.add(c); redraw(); };
      element("i", "", label).style.background = paint;
      label.lastChild.className = "swatch";
      element("span", `${name} (${counts.get(c)})`, label);
    });
  }

  const pick = element("select", "", tools);
  pick.title = "Colours";
  [...data.views.map(v => v[0]), "confidence"].forEach((name, i) => { element("option", name, pick).value = i; });
  pick.onchange = () => {
    byConfidence = +pick.value === data.views.length;
    if (!byConfidence) view = +pick.value;
    list(); redraw();
  };
  [["+", 1.6], ["\u2212", 1 / 1.6]].forEach(([sign, by]) => {
    const key = element("button", sign, tools);
    key.title = by > 1 ? "closer" : "farther";
    key.onclick = () => zoom(by, box.clientWidth / 2, canvas.clientHeight / 2);
  });
  element("button", "whole coast", tools).onclick = () => { chosen = -1; tell(-1); whole(); };
  const doubt = element("label", "only up to confidence ", tools), slide = element("input", "", doubt), said = element("span", " 100%", doubt);
  slide.type = "range"; slide.min = 0; slide.max = 100; slide.value = 100;
  slide.oninput = () => { least = 1 - slide.value / 100; said.textContent = ` ${slide.value}%`; redraw(); };

  if (data.ground) {
    const label = element("label", "", tools), tick = element("input", "", label);
    element("span", "imagery", label);
    tick.type = "checkbox"; tick.checked = true;
    tick.onchange = () => { ground = tick.checked; redraw(); };
  }

  const held = new Map();
  canvas.addEventListener("pointerdown", e => { held.set(e.pointerId, [e.offsetX, e.offsetY]); canvas.setPointerCapture(e.pointerId); });
  canvas.addEventListener("pointermove", e => {
    const last = held.get(e.pointerId);
    if (!last) { tell(find(e.offsetX, e.offsetY)); return; }
    const others = [...held].filter(([id]) => id !== e.pointerId).map(([, at]) => at);
    if (others.length) {
      const [other] = others, was = Math.hypot(last[0] - other[0], last[1] - other[1]);
      const now = Math.hypot(e.offsetX - other[0], e.offsetY - other[1]);
      if (was > 0) zoom(now / was, other[0], other[1]);
    } else { x0 -= (e.offsetX - last[0]) / scale; y0 -= (e.offsetY - last[1]) / scale; tell(-1); redraw(); }
    held.set(e.pointerId, [e.offsetX, e.offsetY]);
  });
  ["pointerup", "pointercancel"].forEach(name => canvas.addEventListener(name, e => held.delete(e.pointerId)));
  canvas.addEventListener("pointerleave", () => { if (chosen < 0) tell(-1); });
  canvas.addEventListener("click", e => { chosen = find(e.offsetX, e.offsetY); tell(chosen); redraw(); });
  canvas.addEventListener("wheel", e => { e.preventDefault(); zoom(Math.exp(-e.deltaY / 400), e.offsetX, e.offsetY); }, { passive: false });
  canvas.addEventListener("keydown", e => {
    const step = 60 / scale, keys = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (keys[e.key]) { x0 += keys[e.key][0]; y0 += keys[e.key][1]; redraw(); }
    else if (e.key === "+" || e.key === "-") zoom(e.key === "+" ? 1.6 : 1 / 1.6, box.clientWidth / 2, canvas.clientHeight / 2);
    else return;
    e.preventDefault();
  });
  document.querySelectorAll("button[data-row]").forEach(key => { key.onclick = () => go(+key.dataset.row); });
  window.addEventListener("resize", redraw);

  document.documentElement.classList.add("live");
  list(); whole();
  if (data.ground) {
    const image = new Image();
    image.onload = () => { picture = image; redraw(); };
    image.src = data.ground.address;
  }
})();
