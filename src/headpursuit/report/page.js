"use strict";
(function () {
  const data = JSON.parse(document.getElementById("heatmap-data").textContent);
  const div = document.getElementById("heatmap");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const nLayers = data.labels.length;
  const nHeads = data.labels[0].length;

  function colours(isDark) {
    return isDark
      ? { text: "#d7dae0", blank: "#3a3f48", outline: "#ffffff", low: "#f0a04b", middle: "#1b1f26", high: "#b9a2ff", label: "#2a2f38" }
      : { text: "#30343b", blank: "#d9dbdf", outline: "#111111", low: "#b35806", middle: "#fbfafc", high: "#4b2a8c", label: "#ffffff" };
  }

  function trace(name, c) {
    const score = data.scores[name];
    return {
      type: "heatmap",
      z: score.values,
      text: data.labels,
      hovertemplate: "%{text}<extra></extra>",
      hoverongaps: false,
      zmin: score.diverging ? -score.limit : 0,
      zmax: score.limit,
      colorscale: score.diverging ? [[0, c.low], [0.5, c.middle], [1, c.high]] : [[0, c.middle], [1, c.high]],
      xgap: nHeads > 40 ? 0.5 : 1,
      ygap: nLayers > 50 ? 0.5 : 1,
      colorbar: {
        orientation: "h", thickness: 10, len: 0.7, y: 1.0, yanchor: "bottom", x: 0, xanchor: "left", outlinewidth: 0,
        tickfont: { color: c.text, size: 11 }, title: { text: name, side: "top", font: { color: c.text, size: 12 } },
      },
    };
  }

  function layout(c) {
    const axis = { color: c.text, showgrid: false, zeroline: false, ticks: "", fixedrange: true };
    return {
      height: Math.max(320, Math.min(1000, nLayers * (nLayers > 50 ? 10 : 15) + 150)),
      margin: { l: 48, r: 10, t: 70, b: 44 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: c.blank,
      font: { family: getComputedStyle(document.body).fontFamily, color: c.text, size: 12 },
      xaxis: Object.assign({ title: { text: "head" }, range: [-0.5, nHeads - 0.5], dtick: step(nHeads) }, axis),
      yaxis: Object.assign({ title: { text: "layer" }, range: [-0.5, nLayers - 0.5], dtick: step(nLayers) }, axis),
      modebar: { bgcolor: "rgba(0,0,0,0)", color: c.text, activecolor: c.text },
      hoverlabel: { bgcolor: c.label, bordercolor: c.text, font: { color: c.text, size: 13, family: getComputedStyle(document.body).fontFamily }, align: "left" },
      shapes: data.edited.map(function (head) {
        return {
          type: "rect", x0: head[1] - 0.5, x1: head[1] + 0.5, y0: head[0] - 0.5, y1: head[0] + 0.5,
          line: { color: c.outline, width: 2 },
        };
      }),
    };
  }

  function step(count) {
    return [1, 2, 5, 10, 20, 50].find(function (s) { return count / s <= 17; }) || 100;
  }

  // A model with few heads per layer would become a wall of bricks across the page.
  div.style.maxWidth = Math.max(460, nHeads * 64 + 60) + "px";

  function draw(isDark) {
    const c = colours(isDark);
    const name = document.querySelector("input[name=score]:checked").value;
    const options = {
      responsive: true,
      displaylogo: false,
      showLink: false,
      modeBarButtons: [["toImage"]],
      toImageButtonOptions: { filename: "heatmap", scale: 2 },
    };
    return Plotly.react(div, [trace(name, c)], layout(c), options);
  }

  document.querySelectorAll("input[name=score]").forEach(function (input) {
    input.addEventListener("change", function () { draw(dark.matches); });
  });
  dark.addEventListener("change", function () { draw(dark.matches); });
  window.addEventListener("beforeprint", function () { draw(false); });
  window.addEventListener("afterprint", function () { draw(dark.matches); });
  draw(dark.matches);
})();
