"use strict";
// Draws the map of littoral's report. It makes no requests: all its data is in the page.
(() => {
  const data = JSON.parse(document.getElementById("map-data").textContent);
  const box = document.getElementById("live-map"), canvas = box.querySelector("canvas");
  const tip = box.querySelector(".tip"), tools = box.querySelector(".tools"), legend = box.querySelector(".legend");
  const pen = canvas.getContext("2d"), count = data.outline.length, hidden = new Set();
  // From unsure to sure; orange and blue differ for every eye.
  const RAMP = [[190, 60, 0], [250, 180, 60], [140, 200, 235], [10, 50, 140]], NO_CONFIDENCE = "#b4b4b4";
  let view = 0, byConfidence = false, scale = 1, x0 = 0, y0 = 0, chosen = -1, picture = null, most = 1, waiting = false, ground = true;
  let pointer = null;

  const middle = data.outline.map(o => {
    let x = 0, y = 0;
    for (let i = 0; i < o.length; i += 2) { x += o[i]; y += o[i + 1]; }
    return [2 * x / o.length, 2 * y / o.length];
  });
  const reach = data.outline.map((o, at) => {
    let far = 0;
    for (let i = 0; i < o.length; i += 2) far = Math.max(far, Math.hypot(o[i] - middle[at][0], o[i + 1] - middle[at][1]));
    return far;
  });

  const element = (name, text, into) => {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    into.append(made);
    return made;
  };
  const ramp = sure => {
    const parts = RAMP.length - 1, along = parts * Math.min(1, Math.max(0, (sure - data.chance) / (1 - data.chance || 1)));
    const from = Math.min(parts - 1, Math.floor(along));
    return `rgb(${RAMP[from].map((c, i) => Math.round(c + (RAMP[from + 1][i] - c) * (along - from))).join()})`;
  };
  const kind = at => data.views[view][1][at];
  const colour = at => byConfidence ? (data.confidence[at] === null ? NO_CONFIDENCE : ramp(data.confidence[at])) : data.categories[kind(at)][1];
  const shown = at => !hidden.has(kind(at)) && (data.confidence[at] === null ? most === 1 : data.confidence[at] <= most);

  // Stripes, or crossed: looked at, but given no class.
  const hatches = [1, 2].map(lines => {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const ink = tile.getContext("2d");
    ink.strokeStyle = "#333"; ink.lineWidth = 1.4;
    ink.beginPath();
    for (const shift of [-8, 0, 8]) {
      ink.moveTo(shift, 8); ink.lineTo(shift + 8, 0);
      if (lines > 1) { ink.moveTo(shift, 0); ink.lineTo(shift + 8, 8); }
    }
    ink.stroke();
    return pen.createPattern(tile, "repeat");
  });

  function trace(at) {
    const o = data.outline[at];
    pen.beginPath();
    if (reach[at] * scale < 2.5) pen.arc((middle[at][0] - x0) * scale, (middle[at][1] - y0) * scale, 2.5, 0, 7);
    else for (let i = 0; i < o.length; i += 2) pen.lineTo((o[i] - x0) * scale, (o[i + 1] - y0) * scale);
    pen.closePath();
  }
  function outlined(text, x, y) {
    pen.lineWidth = 3; pen.lineJoin = "round";
    pen.strokeStyle = "#fff"; pen.strokeText(text, x, y);
    pen.fillStyle = "#000"; pen.fillText(text, x, y);
  }

  function draw() {
    waiting = false;
    const ratio = window.devicePixelRatio || 1, wide = box.clientWidth, high = canvas.clientHeight;
    if (canvas.width !== Math.round(wide * ratio)) canvas.width = Math.round(wide * ratio);
    if (canvas.height !== Math.round(high * ratio)) canvas.height = Math.round(high * ratio);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, wide, high);
    const over = picture && ground;
    if (over) {
      const [px, py, pw, ph] = data.ground.place;
      pen.drawImage(picture, (px - x0) * scale, (py - y0) * scale, pw * scale, ph * scale);
      // Washed out a little, so that the colours of the classes come forward.
      pen.fillStyle = "rgba(255, 255, 255, .25)";
      pen.fillRect((px - x0) * scale, (py - y0) * scale, pw * scale, ph * scale);
    }
    const named = [];
    for (let at = 0; at < count; at++) {
      if (!data.outline[at].length || !shown(at)) continue;
      const far = reach[at] * scale, x = (middle[at][0] - x0) * scale, y = (middle[at][1] - y0) * scale;
      if (x + far < 0 || y + far < 0 || x - far > wide || y - far > high) continue;
      trace(at);
      const paint = colour(at), hatch = byConfidence ? 0 : data.categories[kind(at)][2];
      pen.fillStyle = paint;
      pen.globalAlpha = over ? 0.55 : 0.8;
      pen.fill();
      pen.globalAlpha = 1;
      if (hatch && far > 4) { pen.fillStyle = hatches[hatch - 1]; pen.fill(); }
      // Dark colours on dark ground need a rim.
      if (over && far > 4) { pen.strokeStyle = "#fff"; pen.lineWidth = 3.5; pen.stroke(); }
      pen.strokeStyle = over || far < 4 ? paint : "rgba(40, 50, 58, .75)"; pen.lineWidth = over ? 2 : far < 4 ? 1 : 0.8;
      pen.stroke();
      if (far > 55) named.push([at, x, y]);
    }
    // Near enough, names say what the colours say.
    pen.font = "12px system-ui, sans-serif"; pen.textAlign = "center"; pen.textBaseline = "middle";
    for (const [at, x, y] of named) outlined(byConfidence ? (data.confidence[at] === null ? "–" : `${Math.round(100 * data.confidence[at])}%`) : data.categories[kind(at)][0], x, y);
    if (chosen >= 0) {
      const [x, y] = middle[chosen];
      pen.beginPath();
      pen.arc((x - x0) * scale, (y - y0) * scale, Math.max(12, reach[chosen] * scale + 4), 0, 7);
      pen.strokeStyle = "#000"; pen.lineWidth = 4; pen.stroke();
      pen.strokeStyle = "#fff"; pen.lineWidth = 2; pen.stroke();
    }
    measure(wide, high);
  }
  const redraw = () => { if (!waiting) { waiting = true; requestAnimationFrame(draw); } };

  // A bar of 1, 2 or 5 times a power of ten, and where the pointer is, or the middle.
  function measure(wide, high) {
    pen.font = "12px system-ui, sans-serif"; pen.textAlign = "left"; pen.textBaseline = "alphabetic";
    if (data.metres > 0) {
      const longest = Math.min(140, wide / 3) * data.metres / scale, power = 10 ** Math.floor(Math.log10(longest));
      const metres = power * [5, 2, 1].find(n => n * power <= longest), long = metres * scale / data.metres;
      pen.fillStyle = "rgba(255, 255, 255, .8)"; pen.fillRect(8, high - 34, Math.max(long + 16, 64), 28);
      pen.fillStyle = "#000"; pen.fillRect(16, high - 14, long, 3);
      pen.fillText(metres >= 1000 ? `${metres / 1000} km` : `${metres} m`, 16, high - 19);
    }
    const [x, y] = pointer || [wide / 2, high / 2], at = degrees(x / scale + x0, y / scale + y0);
    canvas.dataset.at = "";
    if (!at) return;
    const text = `${Math.abs(at[1]).toFixed(4)}° ${at[1] < 0 ? "S" : "N"}, ${Math.abs(at[0]).toFixed(4)}° ${at[0] < 0 ? "W" : "E"}`;
    const long = pen.measureText(text).width;
    pen.fillStyle = "rgba(255, 255, 255, .8)"; pen.fillRect(wide - long - 24, high - 26, long + 16, 20);
    pen.fillStyle = "#000"; pen.fillText(text, wide - long - 16, high - 12);
    canvas.dataset.at = text;
  }
  function degrees(x, y) {
    const side = Math.sqrt(data.lattice.length), u = x / data.size[0] * (side - 1), v = y / data.size[1] * (side - 1);
    if (!(u >= 0 && v >= 0 && u <= side - 1 && v <= side - 1)) return null;
    const i = Math.min(Math.floor(u), side - 2), j = Math.min(Math.floor(v), side - 2), s = u - i, t = v - j;
    const of = (a, b) => data.lattice[(j + b) * side + i + a];
    const [lon, lat] = [0, 1].map(k => (1 - t) * ((1 - s) * of(0, 0)[k] + s * of(1, 0)[k]) + t * ((1 - s) * of(0, 1)[k] + s * of(1, 1)[k]));
    return [((lon + 180) % 360 + 360) % 360 - 180, lat];
  }

  function whole() {
    const wide = box.clientWidth, high = canvas.clientHeight, known = middle.filter(m => isFinite(m[0]));
    const xs = known.map(m => m[0]), ys = known.map(m => m[1]);
    const least = list => list.reduce((a, b) => Math.min(a, b), Infinity), top = list => list.reduce((a, b) => Math.max(a, b), -Infinity);
    const w = Math.max(top(xs) - least(xs), 1), h = Math.max(top(ys) - least(ys), 1);
    scale = 0.9 * Math.min(wide / w, high / h, 60 / Math.max(1, top(reach)));
    x0 = (least(xs) + top(xs)) / 2 - wide / 2 / scale;
    y0 = (least(ys) + top(ys)) / 2 - high / 2 / scale;
    redraw();
  }
  function zoom(factor, x, y) {
    const next = Math.min(Math.max(scale * factor, 1e-5), 50);
    x0 += x / scale - x / next; y0 += y / scale - y / next; scale = next;
    describe(-1); redraw();
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
  function describe(at) {
    tip.hidden = at < 0;
    if (at < 0) return;
    tip.replaceChildren();
    data.text[at].forEach((line, i) => element(i ? "div" : "b", line, tip));
    const x = (middle[at][0] - x0) * scale, y = (middle[at][1] - y0) * scale;
    tip.style.left = `${Math.min(Math.max(x + 14, 0), box.clientWidth - tip.offsetWidth - 4)}px`;
    tip.style.top = `${canvas.offsetTop + Math.min(Math.max(y + 14, 0), canvas.clientHeight - tip.offsetHeight - 4)}px`;
  }
  function choose(at) { chosen = at; describe(at); redraw(); }
  function go(row) {
    const at = data.row.indexOf(row);
    if (at < 0 || !data.outline[at].length) return;
    // What is to be looked at must not be hidden.
    if (!shown(at)) { hidden.delete(kind(at)); slide.value = 100; slide.oninput(); list(); }
    scale = Math.max(scale, 40 / Math.max(1, reach[at]));
    x0 = middle[at][0] - box.clientWidth / 2 / scale;
    y0 = middle[at][1] - canvas.clientHeight / 2 / scale;
    choose(at);
    box.scrollIntoView({ block: "center" });
    canvas.focus({ preventScroll: true });
  }

  const HATCH = ["", "repeating-linear-gradient(135deg, #333 0 1px, transparent 1px 4px), ", "repeating-linear-gradient(135deg, #333 0 1px, transparent 1px 4px), repeating-linear-gradient(45deg, #333 0 1px, transparent 1px 4px), "];
  function list() {
    legend.replaceChildren();
    if (byConfidence) {
      const bar = element("span", "", legend);
      element("span", `${Math.round(100 * data.chance)}% (chance) `, bar);
      const strip = element("i", "", bar);
      strip.className = "ramp";
      strip.style.background = `linear-gradient(90deg, ${RAMP.map(c => `rgb(${c.join()})`).join()})`;
      element("span", " 100% confidence", bar);
    }
    const counts = new Map();
    data.views[view][1].forEach(c => counts.set(c, (counts.get(c) || 0) + 1));
    data.categories.forEach(([name, paint, hatch], c) => {
      if (!counts.has(c)) return;
      const label = element("label", "", legend), tick = element("input", "", label);
      tick.type = "checkbox"; tick.checked = !hidden.has(c);
      tick.onchange = () => { tick.checked ? hidden.delete(c) : hidden.add(c); describe(-1); redraw(); };
      if (!byConfidence) {
        const square = element("i", "", label);
        square.className = "swatch"; square.style.background = `${HATCH[hatch]}linear-gradient(${paint}, ${paint})`;
      }
      element("span", `${name} (${counts.get(c)})`, label);
    });
  }

  const pick = element("select", "", tools);
  pick.setAttribute("aria-label", "Colours of the map");
  [...data.views.map(v => v[0]), "confidence"].forEach((name, i) => { element("option", name, pick).value = i; });
  pick.onchange = () => {
    byConfidence = +pick.value === data.views.length;
    view = byConfidence ? 0 : +pick.value;
    list(); redraw();
  };
  [["+", 1.6], ["\u2212", 1 / 1.6]].forEach(([sign, by]) => {
    const key = element("button", sign, tools);
    key.title = by > 1 ? "closer" : "farther"; key.setAttribute("aria-label", key.title);
    key.onclick = () => zoom(by, box.clientWidth / 2, canvas.clientHeight / 2);
  });
  element("button", "whole coast", tools).onclick = () => { choose(-1); whole(); };
  const doubt = element("label", "only up to confidence ", tools), slide = element("input", "", doubt), shownLimit = element("span", " 100%", doubt);
  slide.type = "range"; slide.min = 0; slide.max = 100; slide.value = 100;
  slide.oninput = () => { most = slide.value / 100; shownLimit.textContent = ` ${slide.value}%`; describe(-1); redraw(); };

  if (data.ground) {
    const label = element("label", "", tools), tick = element("input", "", label);
    element("span", "imagery", label);
    tick.type = "checkbox"; tick.checked = true;
    tick.onchange = () => { ground = tick.checked; redraw(); };
  }

  const held = new Map();
  let moved = false;
  canvas.addEventListener("pointerdown", e => { if (!held.size) moved = false; held.set(e.pointerId, [e.offsetX, e.offsetY]); canvas.setPointerCapture(e.pointerId); });
  canvas.addEventListener("pointermove", e => {
    const last = held.get(e.pointerId);
    pointer = [e.offsetX, e.offsetY];
    if (!last) { if (chosen < 0) describe(find(e.offsetX, e.offsetY)); redraw(); return; }
    const others = [...held].filter(([id]) => id !== e.pointerId).map(([, at]) => at);
    moved = moved || others.length > 0 || Math.hypot(last[0] - e.offsetX, last[1] - e.offsetY) > 2;
    if (others.length) {
      const [other] = others, was = Math.hypot(last[0] - other[0], last[1] - other[1]);
      const now = Math.hypot(e.offsetX - other[0], e.offsetY - other[1]);
      if (was > 0) zoom(now / was, other[0], other[1]);
    } else if (moved) { x0 -= (e.offsetX - last[0]) / scale; y0 -= (e.offsetY - last[1]) / scale; describe(-1); redraw(); }
    if (moved) held.set(e.pointerId, [e.offsetX, e.offsetY]);
  });
  ["pointerup", "pointercancel"].forEach(name => canvas.addEventListener(name, e => held.delete(e.pointerId)));
  canvas.addEventListener("pointerleave", () => { pointer = null; if (chosen < 0) describe(-1); redraw(); });
  // The end of a drag is no click.
  canvas.addEventListener("click", e => { if (!moved) choose(find(e.offsetX, e.offsetY)); });
  canvas.addEventListener("wheel", e => { e.preventDefault(); zoom(Math.exp(-e.deltaY / 400), e.offsetX, e.offsetY); }, { passive: false });
  canvas.addEventListener("keydown", e => {
    const step = 60 / scale, keys = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const x = box.clientWidth / 2, y = canvas.clientHeight / 2;
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (keys[e.key]) { x0 += keys[e.key][0]; y0 += keys[e.key][1]; describe(-1); redraw(); }
    else if (e.key === "+" || e.key === "-") zoom(e.key === "+" ? 1.6 : 1 / 1.6, x, y);
    else if (e.key === "Enter") choose(find(x, y));
    else if (e.key === "Escape") choose(-1);
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
